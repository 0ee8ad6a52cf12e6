"""T-GATE brings a call of its own; it draws negative prompts and sizes as the pipe's call does."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from accel_space.methods.tgate import apply_tgate
from tests.tiny_pipelines import CALLS, FAMILIES, STEPS, draw, tiny_pipeline


@pytest.mark.parametrize("family", FAMILIES)
def test_with_its_gate_behind_the_last_step_it_draws_what_the_pipe_draws(family: str) -> None:
    pipe = tiny_pipeline(family)
    call: dict[str, Any] = {"height": 48, "width": 32, **CALLS[family]}
    negative: dict[str, Any] = {"negative_prompt": ["a blue circle"] * 2}
    plain = draw(pipe, 2, **call, **negative)
    assert not torch.equal(draw(pipe, 2, **call), plain)
    gated = apply_tgate(pipe, pipe, gate_step=STEPS, sp_interval=1, fi_interval=1, warm_up=0)
    assert torch.equal(draw(gated, 2, **call, **negative), plain)
