from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from diffusers.hooks.hooks import HookRegistry
from diffusers.hooks.pyramid_attention_broadcast import (
    PyramidAttentionBroadcastConfig,
    apply_pyramid_attention_broadcast,
)

from accel_space.errors import RefusedError
from accel_space.methods.pab import PAB
from accel_space.stack import Stack
from tests.tiers.covering import covering
from tests.tiny_pipelines import (
    CALLS,
    FAMILIES,
    denoiser_of,
    draw,
    tiny_context,
    tiny_pipeline,
    tiny_sd,
)

POINT = {"spatial_attention_block_skip_range": 3, "cross_attention_block_skip_range": 2}


def _reused(steps: int, scheduler: str = "DDIMScheduler") -> list[list[int]]:
    """The calls that reuse self-attention, and those that reuse cross-attention."""
    skipped = PAB().schedule(POINT, tiny_context(tiny_sd(scheduler), ["pab"], steps)).skips
    return [
        [call for call, share in enumerate(skipped[name]) if share]
        for name in ("self_attention", "cross_attention")
    ]


def test_every_range_th_call_computes_and_so_do_all_outside_the_window() -> None:
    # The timesteps are 901, 801, 701, ... 101, 1.
    self_reused, cross_reused = _reused(10)

    assert self_reused == [2, 4, 5, 7, 8]
    assert cross_reused == [3, 5, 7]


def test_where_a_scheduler_repeats_a_timestep_calls_are_counted() -> None:
    calls = tiny_context(tiny_sd("HeunDiscreteScheduler"), ["pab"], 10).scheduler.timesteps

    _, cross_reused = _reused(10, "HeunDiscreteScheduler")

    assert len(calls) == 19
    assert cross_reused == [i for i, t in enumerate(calls) if i % 2 and 100 < t < 800]


@pytest.mark.parametrize(
    ("family", "scheduler"),
    covering(product(FAMILIES, ["DDIMScheduler", "PNDMScheduler"]), lambda *values: values),
)
def test_the_picture_is_that_of_diffusers_own_pab(family: str, scheduler: str) -> None:
    pipe = tiny_pipeline(family, scheduler)
    stack = Stack(tiny_context(pipe, ["pab"]))
    with stack.applied(pipe, POINT) as generate:
        picture = draw(generate, 2, **CALLS[family])

    timesteps = iter(stack.context.scheduler.timesteps)
    now = 0.0

    def advance(*_: Any) -> None:
        nonlocal now
        now = next(timesteps)

    denoiser = denoiser_of(pipe)
    denoiser.register_forward_pre_hook(advance)
    config: dict[str, Any] = {**POINT, "current_timestep_callback": lambda: now}
    apply_pyramid_attention_broadcast(denoiser, PyramidAttentionBroadcastConfig(**config))

    assert torch.equal(picture, draw(pipe, 2, **CALLS[family]))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_attention_of_the_denoiser_takes_part(family: str) -> None:
    pipe = tiny_pipeline(family)
    stack = Stack(tiny_context(pipe, ["pab"]))

    with stack.applied(pipe, stack.default):
        attentions = {
            name: module
            for name, module in denoiser_of(pipe).named_modules()
            if name.endswith(("attn1", "attn2"))
        }
        assert attentions
        for module in attentions.values():
            registry = HookRegistry.check_if_exists_or_initialize(module)
            assert list(registry.hooks) == ["pyramid_attention_broadcast"]


def test_a_range_of_1_draws_the_plain_picture() -> None:
    pipe = tiny_sd()
    plain = draw(pipe)
    stack = Stack(tiny_context(pipe, ["pab"]))

    with stack.applied(pipe, dict.fromkeys(stack.space, 1)) as generate:
        assert torch.equal(draw(generate), plain)


def test_the_grid() -> None:
    space = Stack(tiny_context(tiny_sd(), ["pab"], 20)).space

    assert space["pab.spatial_attention_block_skip_range"].values == (2, 3, 4, 5)
    assert space["pab.spatial_attention_block_skip_range"].default == 2
    assert space["pab.cross_attention_block_skip_range"].values == (2, 3, 4, 5, 6)
    assert space["pab.cross_attention_block_skip_range"].default == 6


def test_ranges_that_reach_past_the_window_are_one_point() -> None:
    # Of the timesteps 751, 501, 251, 1 the second and third lie behind the first in the window.
    stack = Stack(tiny_context(tiny_sd(), ["pab"], 4))

    assert len(stack.points) == 4
    assert stack.canonical({name: 5 for name in stack.space}) == {name: 3 for name in stack.space}


def test_steps_of_which_none_can_reuse_are_refused() -> None:
    with pytest.raises(RefusedError, match="DDIMScheduler's 2 steps none can; use more steps"):
        Stack(tiny_context(tiny_sd(), ["pab"], 2))
