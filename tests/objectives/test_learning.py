"""What methods learn of a plain pipe, where a study cannot keep it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from accel_space.stack import Stack
from objectives.errors import MeasurementError
from objectives.objective import Objective
from objectives.quality.scorer import Scorer
from storage.records.protocol import Protocol
from tests.tiny_pipelines import (
    CALLS,
    GUIDANCE_SCALE,
    PICTURE_SIZE,
    tiny_context,
    tiny_pipeline,
)

FAMILY = "PixArt-alpha"


def _objective(pipe: Any, scorer: Scorer) -> Objective:
    stack = Stack(tiny_context(pipe, ["mag_cache"], 4))
    protocol = Protocol(
        model="tiny@0",
        scorer="scorer@0",
        prompts="none@0",
        num_samples=2,
        batch_size=2,
        height=PICTURE_SIZE,
        width=PICTURE_SIZE,
        guidance_scale=GUIDANCE_SCALE,
        dtype="float32",
        seed=0,
    )
    prompts = ["a picture", "another one"]
    return Objective(
        pipe, stack, scorer, protocol, prompts, torch.device("cpu"), call=CALLS[FAMILY]
    )


def _let_blocks_add(pipe: Any, factors: Iterator[float]) -> None:
    """Let what the blocks add be so many times as much, call by call."""
    now = [1.0]
    pipe.transformer.register_forward_pre_hook(lambda *_: now.__setitem__(0, next(factors, 1.0)))
    for block in pipe.transformer.transformer_blocks:
        for part in (block.attn1, block.attn2, block.ff):
            part.register_forward_hook(lambda *given: given[-1] * now[0])


def test_what_no_study_can_keep_is_refused_by_its_value(scorer: Scorer) -> None:
    pipe = tiny_pipeline(FAMILY)
    _let_blocks_add(pipe, iter([1.0, 1e12]))
    with pytest.raises(
        MeasurementError,
        match=r"^mag_cache cannot be calibrated: it learned \d.*e\+1\d of this denoiser, and a "
        r"study keeps numbers up to 1e\+09; leave mag_cache out$",
    ):
        _objective(pipe, scorer).learn()
