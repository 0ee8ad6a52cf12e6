"""An objective over a tiny pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from accel_space.stack import Stack
from objectives.objective import Objective
from objectives.quality.scorer import Scorer
from storage.records.protocol import Protocol
from tests.tiny_parts import LATENT_SIZE
from tests.tiny_pipelines import GUIDANCE_SCALE, tiny_context

CPU = torch.device("cpu")


PLAIN: dict[str, int | float] = {}
"""The one point of the stack of nothing."""


STEPS = 4


REUSE_ALL = {"cache_interval": STEPS, "cache_branch_id": 0}
"""DeepCache at its coarsest: one step is computed in full."""


def make_objective(
    pipe: Any,
    scorer: Scorer,
    samples: int = 6,
    batch_size: int = 2,
    methods: Iterable[str] = (),
    **changes: Any,
) -> Objective:
    steps = changes.pop("steps", 2)
    prompts = changes.pop("prompts", [f"picture {index}" for index in range(samples)])
    call = changes.pop("call", {})
    fields: dict[str, Any] = {
        "model": "tiny@0",
        "scorer": "scorer@0",
        "prompts": "none@0",
        "num_samples": samples,
        "batch_size": batch_size,
        "height": LATENT_SIZE,
        "width": LATENT_SIZE,
        "guidance_scale": GUIDANCE_SCALE,
        "dtype": "float32",
        "seed": 0,
    }
    stack = Stack(tiny_context(pipe, methods, steps))
    protocol = Protocol(**{**fields, **changes})
    return Objective(pipe, stack, scorer, protocol, prompts, CPU, call=call)
