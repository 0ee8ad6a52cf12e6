"""Records of made-up studies, as far as tests share them."""

from __future__ import annotations

from typing import Any

from storage.records.combination import Combination
from storage.records.protocol import Protocol


def made_combination(
    *methods: str, pipeline: str = "tiny-shapes", scheduler: str = "DDIM", steps: int = 20
) -> Combination:
    """A combination of tiny-shapes, with DeepCache alone if nothing is given."""
    return Combination(
        pipeline=pipeline, scheduler=scheduler, steps=steps, methods=methods or ("deepcache",)
    )


def made_protocol(**changes: Any) -> Protocol:
    """A protocol of 8 prompts.

    Args:
        changes: Fields that differ.
    """
    fields = {
        "model": "a/model@0123abcd", "scorer": "a scorer", "prompts": "prompts.txt@0123abcd",
        "num_samples": 8, "batch_size": 4, "height": 64, "width": 64, "guidance_scale": 7.5,
        "dtype": "float32", "seed": 0,
    }  # fmt: skip
    return Protocol.model_validate(fields | changes)
