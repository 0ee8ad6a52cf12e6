from __future__ import annotations

from typing import Any

import pytest
import torch

from accel_space.methods.taylorseer import TaylorSeer
from accel_space.stack import Stack
from tests.tiny_pipelines import CALLS, draw, tiny_context, tiny_pipeline, tiny_sd

STEPS = 8

FAMILIES = ("SD1.5", "SDXL", "PixArt-alpha")
"""UNets whose last block has attention and has none, and a transformer."""


def _stack(pipe: Any, steps: int = STEPS) -> Stack:
    return Stack(tiny_context(pipe, ["taylorseer"], steps))


def _last_block(pipe: Any) -> Any:
    return (pipe.unet.up_blocks if hasattr(pipe, "unet") else pipe.transformer.transformer_blocks)[
        -1
    ]


def _outputs(pipe: Any, params: dict[str, int], family: str) -> list[torch.Tensor]:
    """What reaches the picture of the blocks, at each call."""
    outputs: list[torch.Tensor] = []
    with _stack(pipe).applied(pipe, params) as generate:
        _last_block(pipe).register_forward_hook(lambda *call: outputs.append(call[-1]))
        draw(generate, steps=STEPS, **CALLS[family])
    return outputs


@pytest.mark.parametrize("family", FAMILIES)
def test_order_0_repeats_what_the_last_computed_call_gave(family: str) -> None:
    params = {"cache_interval": 3, "disable_cache_before_step": 2, "max_order": 0}

    outputs = _outputs(tiny_pipeline(family), params, family)

    for call, computed in ((2, 1), (4, 3), (5, 3), (7, 6)):
        assert torch.equal(outputs[call], outputs[computed])
    assert not torch.equal(outputs[3], outputs[2])


@pytest.mark.parametrize("family", FAMILIES)
def test_order_1_goes_on_in_a_straight_line(family: str) -> None:
    params = {"cache_interval": 3, "disable_cache_before_step": 2, "max_order": 1}

    outputs = _outputs(tiny_pipeline(family), params, family)

    assert torch.allclose(outputs[2], 2 * outputs[1] - outputs[0], atol=1e-5)
    slope = (outputs[3] - outputs[1]) / 2
    assert torch.allclose(outputs[5], outputs[3] + 2 * slope, atol=1e-5)


def test_the_series_is_as_precise_as_the_pipe() -> None:
    """diffusers' own default rounds it to bfloat16, which changes repeated outputs too."""
    params = {"cache_interval": 3, "disable_cache_before_step": 2, "max_order": 0}
    pipe = tiny_sd().to(torch.float64)

    outputs = _outputs(pipe, params, "SD1.5")

    assert outputs[2].dtype == torch.float64
    assert torch.equal(outputs[2], outputs[1])


def test_a_schedule_computes_the_first_calls_and_then_one_of_each_interval() -> None:
    context = tiny_context(tiny_sd(), ["taylorseer"], 10)
    params = {"cache_interval": 3, "disable_cache_before_step": 3, "max_order": 2}

    schedule = TaylorSeer().schedule(params, context)

    computed = [call for call, share in enumerate(schedule.skips["blocks"]) if not share]
    assert computed == [0, 1, 2, 4, 7]


def test_an_order_that_lacks_computed_calls_is_no_point_of_its_own() -> None:
    stack = _stack(tiny_sd())
    params = {"cache_interval": 6, "disable_cache_before_step": 1}

    points = [stack.canonical({**params, "max_order": order}) for order in range(3)]

    assert points[0] != points[1] == points[2]


def test_on_a_transformer_all_blocks_are_left_out_and_hold_no_copy() -> None:
    """Without names diffusers hooks nothing of PixArt, silently."""
    pipe = tiny_pipeline("PixArt-alpha", num_layers=3)
    calls = [0, 0, 0]
    for place, block in enumerate(pipe.transformer.transformer_blocks):

        def count(*_: Any, place: int = place) -> None:
            calls[place] += 1

        block.norm1.register_forward_pre_hook(count)

    stack = _stack(pipe)
    with stack.applied(pipe, stack.default) as generate:
        draw(generate, steps=STEPS, **CALLS["PixArt-alpha"])
        held = [
            sum(len(factors) for factors in state.taylor_factors.values())
            for block in pipe.transformer.transformer_blocks
            for state in block._diffusers_hook.get_hook(
                "taylorseer_cache"
            ).state_manager._state_cache.values()
        ]

    skipped = sum(stack.schedule(stack.default).skips["blocks"])
    assert calls == [STEPS - skipped] * 3
    assert held == [0, 0, 2]
