"""The protocol: how a measurement is made. Two measurements compare only under one protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Protocol(BaseModel):
    """How a measurement is made; part of a study's identity.

    Attributes:
        model: What was loaded, by name and fingerprint.
        scorer: The open_clip model that scores, by name and fingerprint.
        prompts: The prompts' file name and the fingerprint of those used.
        num_samples: How many prompts are used, one picture each.
        batch_size: How many pictures are generated together.
        height: In pixels.
        width: In pixels.
        guidance_scale: Classifier-free guidance is on above 1.
        dtype: Of the pipeline's weights.
        seed: The picture of prompt i starts from noise of seed + i.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    scorer: str
    prompts: str
    num_samples: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    guidance_scale: float = Field(ge=0)
    dtype: Literal["float16", "float32"]
    seed: int = Field(ge=0)


def prompts_fingerprint(prompts: Sequence[str]) -> str:
    """Eight hex digits that change with any prompt or their order."""
    # As JSON, since a prompt of a table may hold line ends.
    return hashlib.sha256(json.dumps(list(prompts)).encode()).hexdigest()[:8]


def folder_fingerprint(folder: Path) -> str:
    """Eight hex digits that change with a model folder's configurations and weights.

    Of a file larger than 2 MiB the size and both ends count: enough to tell two checkpoints
    apart, and quick on gigabytes.

    Args:
        folder: A folder with at least one file.
    """
    end = 2**20
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(end))
            if size > 2 * end:
                file.seek(-end, 2)
            digest.update(file.read(end))
    return digest.hexdigest()[:8]
