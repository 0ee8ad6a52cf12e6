"""The protocol: how a measurement is made. Two measurements compare only under one protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from objectives.pipelines.conditioning import Timed
from objectives.pipelines.family import Dtype


class Protocol(BaseModel):
    """How a measurement is made; part of a study's identity.

    Attributes:
        model: What was loaded, by name and fingerprint.
        scorer: The open_clip model that scores, by name and fingerprint.
        prompts: The prompts' file name and the fingerprint of those used.
        prompts_seed: Of the draw that chose them from the file; None, as in studies from before
            it was kept, is the head of the file.
        num_samples: How many prompts are used, one picture each.
        batch_size: How many pictures are generated together.
        height: In pixels.
        width: In pixels.
        guidance_scale: Classifier-free guidance is on above 1.
        dtype: Of the pipeline's weights.
        seed: The picture of prompt i starts from noise of seed + i.
        timed: What is inside a latency.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    scorer: str
    prompts: str
    prompts_seed: int | None = None
    num_samples: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    guidance_scale: float = Field(ge=0)
    dtype: Dtype
    seed: int = Field(ge=0)
    timed: Timed = "prompt to picture"


def prompts_fingerprint(prompts: Sequence[str]) -> str:
    """Eight hex digits that change with any prompt or their order."""
    # As JSON, since a prompt of a table may hold line ends.
    return hashlib.sha256(json.dumps(list(prompts)).encode()).hexdigest()[:8]
