"""The protocol: how a measurement is made. Only measurements under one protocol compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from storage.records.record import GREATEST, Number, Record, Some

Dtype = Literal["float16", "bfloat16", "float32"]

Timed = Literal["prompt to picture", "embedding to picture"]
"""What a latency includes."""

CLIP_LOSS = "clip_loss"
"""The metric that is the second objective of a study that names no other one."""

METRICS = (CLIP_LOSS, "image_similarity", "psnr", "ssim")
"""The metrics of every trial if nothing else is asked for."""

FIRST_VERSION = frozenset({
    "model", "scorer", "prompts", "prompts_seed", "num_samples", "batch_size", "height", "width",
    "guidance_scale", "dtype", "seed", "timed",
})  # fmt: skip
"""The fields that count in a study's identity, whatever their value.

They are those of the first version of the identity, and the set never changes. A later field only
counts if it differs from its default, so that it renames no study.
"""

GAINED = frozenset({"metrics", "weights"})
"""The fields that count in no identity, as a study may gain them while it runs."""


class Lora(Record):
    """A LoRA that was loaded on top of a model.

    Attributes:
        name: Its file's name and fingerprint.
        scale: How strongly it works.
        fused: Whether it was added to the weights, so that it costs no time.
    """

    name: str
    scale: Number
    fused: bool = True


class MetricWeights(Record):
    """What the model of a metric was loaded from.

    Attributes:
        metric: The metric's name.
        name: The file's or folder's name and fingerprint.
    """

    metric: str
    name: str


class Protocol(Record):
    """How a measurement is made; part of a study's identity.

    Attributes:
        model: What was loaded, by name and fingerprint.
        scorer: The open_clip model that scores, by name and fingerprint.
        prompts: The prompts' file name and the fingerprint of those used.
        prompts_seed: Seed of the draw that chose them from the file; None, as in studies from
            before it was kept, means the head of the file.
        num_samples: How many prompts are used, one picture each.
        batch_size: How many pictures are generated together.
        height: In pixels.
        width: In pixels.
        guidance_scale: Classifier-free guidance is on above 1.
        dtype: Type of the pipeline's weights.
        seed: The picture of prompt i starts from noise of seed + i.
        timed: What a latency includes.
        metrics: The names of the quality metrics that trials keep; not part of the identity, as a
            study may gain some later.
        weights: What metrics with a model of their own loaded.
        loss: The metric that is the second objective.
        negative_prompt: What all pictures are guided away from; empty for nothing.
        loras: The LoRAs that were loaded on top of the model, in that order.
    """

    model: str
    scorer: str
    prompts: str
    prompts_seed: int | None = None
    num_samples: Some
    batch_size: Some
    height: Some
    width: Some
    guidance_scale: float = Field(ge=0, le=GREATEST, allow_inf_nan=False)
    dtype: Dtype
    seed: int = Field(ge=0)
    timed: Timed = "prompt to picture"
    # JSON has lists only, so a list is accepted too.
    metrics: Annotated[tuple[str, ...], Field(strict=False)] = METRICS
    weights: Annotated[tuple[MetricWeights, ...], Field(strict=False)] = ()
    loss: str = CLIP_LOSS
    negative_prompt: str = ""
    loras: Annotated[tuple[Lora, ...], Field(strict=False)] = ()

    @property
    def lasting(self) -> Protocol:
        """The protocol without the parts that a study may gain: equal if measurements compare."""
        fields = type(self).model_fields
        return self.model_copy(update={name: fields[name].get_default() for name in GAINED})

    @property
    def identity(self) -> dict[str, Any]:
        """The fields that distinguish a protocol from others: see `FIRST_VERSION`."""
        fields = type(self).model_fields
        return {
            name: value
            for name, value in self.model_dump(mode="json").items()
            if name in FIRST_VERSION
            or name not in fields
            or (
                name not in GAINED
                and getattr(self, name) != fields[name].get_default(call_default_factory=True)
            )
        }


def study_digest(protocol: Protocol, device: str, scheduler_settings: Mapping[str, Any]) -> str:
    """Compute eight hex digits that distinguish studies of one combination.

    Args:
        protocol: How the study measures.
        device: The device's name.
        scheduler_settings: The scheduler's settings; an empty mapping does not count.
    """
    identity = [protocol.identity, device, *filter(None, [scheduler_settings])]
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
