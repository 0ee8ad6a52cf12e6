"""What methods learn of a plain pipe, and that their caches do as that says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from statistics import fmean
from typing import Any

import pytest
import torch
from diffusers.hooks.mag_cache import FLUX_MAG_RATIOS

from accel_space.calibration.hits import Hits
from accel_space.calibration.learning import learned_from, learners
from accel_space.methods import METHODS
from accel_space.stack import Stack
from tests.accel_space.contract.stacks import fits
from tests.tiny_pipelines import CALLS, EVERY_FAMILY, draw, tiny_context, tiny_pipeline

STEPS = 8

FAMILIES = ["PixArt-alpha", "FLUX.1-dev", "SD3.5-medium", "Qwen-Image"]

POINTS = [
    {"threshold": 0, "max_skip_steps": 3, "retention_ratio": 0.2},
    {"threshold": 3, "max_skip_steps": 2, "retention_ratio": 0.1},
    {"threshold": -1, "max_skip_steps": 5, "retention_ratio": 0.3},
]
"""Thresholds by their place in the space."""


def _draw(generate: Callable[..., Any], family: str) -> torch.Tensor:
    return draw(generate, 1, STEPS, **CALLS[family])


@cache
def taught(family: str, method: str) -> tuple[Any, Stack]:
    """A pipe, and a stack that has learned of it."""
    pipe = tiny_pipeline(family)
    stack = Stack(tiny_context(pipe, [method], STEPS))
    learned = learned_from(stack, pipe, lambda: _draw(pipe, family))
    return pipe, Stack(replace(stack.context, learned=learned))


def _blocks_run(pipe: Any, generate: Callable[..., Any], family: str) -> list[bool]:
    """At each call whether the blocks ran: the last one's attention tells."""
    transformer, ran = pipe.transformer, list[bool]()
    last = getattr(transformer, "single_transformer_blocks", transformer.transformer_blocks)[-1]
    attention = getattr(last, "attn", None) or last.attn1
    transformer.register_forward_pre_hook(lambda *_: ran.append(False))

    def note(*_: Any) -> None:
        ran[-1] = True

    attention.to_q.register_forward_pre_hook(note)
    _draw(generate, family)
    return ran


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("point", POINTS)
def test_mag_cache_leaves_out_what_the_learned_ratios_say(
    family: str, point: dict[str, float]
) -> None:
    pipe, stack = taught(family, "mag_cache")
    thresholds = stack.space["mag_cache.threshold"].values
    point = {**point, "threshold": thresholds[int(point["threshold"])]}

    with stack.applied(pipe, point) as generate:
        ran = _blocks_run(pipe, generate, family)

    left_out = stack.schedule(point).skips["blocks"]
    # With a second call for the empty prompts both do the same.
    assert ran == [not share for share in left_out for _ in range(len(ran) // STEPS)]
    assert 0 < sum(left_out) < STEPS


def test_a_threshold_beyond_single_precision_leaves_out_all_that_may_be() -> None:
    pipe, stack = taught("FLUX.1-dev", "mag_cache")
    point = {"threshold": 1e300, "max_skip_steps": 99, "retention_ratio": 0.1}
    with stack.applied(pipe, point) as generate:
        ran = _blocks_run(pipe, generate, "FLUX.1-dev")
    assert ran == [not share for share in stack.schedule(point).skips["blocks"]]
    assert ran == [True] + [False] * (STEPS - 1)


@pytest.mark.parametrize("family", ["SD3.5-medium", "Qwen-Image"])
def test_ratios_are_those_of_what_all_blocks_add(family: str) -> None:
    pipe, stack = taught(family, "mag_cache")
    blocks, before, added = pipe.transformer.transformer_blocks, [], list[torch.Tensor]()
    hooks = [
        blocks[0].register_forward_pre_hook(
            lambda _, args, kwargs: before.append(kwargs["hidden_states"]), with_kwargs=True
        ),
        blocks[-1].register_forward_hook(
            lambda _, args, output: added.append((output[1] - before[-1]).norm(dim=-1))
        ),
    ]
    _draw(pipe, family)
    for hook in hooks:
        hook.remove()
    calls = len(added) // STEPS
    expected = [
        fmean(float((now / last).mean()) for now, last in zip(both[calls:], both, strict=False))
        for both in (added[at : at + 2 * calls] for at in range(0, len(added) - calls, calls))
    ]

    first, *ratios = stack.context.learned["mag_cache"]

    assert first == 1.0
    assert ratios == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_first_block_cache_hits_from_its_first_threshold_on(family: str) -> None:
    pipe, stack = taught(family, "first_block_cache")
    first, *_, last = stack.space["first_block_cache.threshold"].values
    reused = []
    for threshold in (first * 0.98, first, last):
        hits = Hits()
        with stack.applied(pipe, {"threshold": threshold}, hits) as generate:
            _draw(generate, family)
        reused.append(hits.reused)

    assert reused[0] == 0 < reused[1] < reused[2]
    # All but the first of a picture, or nearly: behind a hit it draws other calls.
    assert reused[2] >= 0.7 * hits.calls


def test_in_half_precision_too_the_first_threshold_hits() -> None:
    """The hook reckons in it, and rounds."""
    family = "PixArt-alpha"
    pipe = tiny_pipeline(family).to(torch.bfloat16)
    stack = Stack(tiny_context(pipe, ["first_block_cache"], STEPS))
    [thresholds] = learned_from(stack, pipe, lambda: _draw(pipe, family)).values()
    hits = Hits()
    with stack.applied(pipe, {"threshold": thresholds[0]}, hits) as generate:
        _draw(generate, family)
    assert hits.reused > 0


@pytest.mark.parametrize("method", ["mag_cache", "first_block_cache"])
@pytest.mark.parametrize("family", FAMILIES)
def test_learning_leaves_the_pipe_as_it_was_and_finds_the_same_again(
    family: str, method: str
) -> None:
    pipe, stack = taught(family, method)
    plain = _draw(pipe, family)

    again = learned_from(stack, pipe, lambda: _draw(pipe, family))

    assert torch.equal(_draw(pipe, family), plain)
    assert torch.equal(plain, _draw(tiny_pipeline(family), family))
    assert again == stack.context.learned
    assert len(stack.points) > 1


def test_a_stack_learns_for_those_of_its_methods_that_do() -> None:
    pipe = tiny_pipeline("PixArt-alpha")
    stack = Stack(tiny_context(pipe, ["mag_cache", "cfg_cutoff"], STEPS))
    assert learners(stack) == ["mag_cache"]
    assert learned_from(stack, pipe, lambda: _draw(pipe, "PixArt-alpha")).keys() == {"mag_cache"}


@pytest.mark.parametrize("method", ["mag_cache", "first_block_cache"])
def test_it_works_where_the_hooks_of_diffusers_do(method: str) -> None:
    found = {family for family in EVERY_FAMILY if fits((method,), family)}
    assert found >= set(FAMILIES) and "Z-Image" not in found and "SD1.5" not in found


def test_what_is_not_learned_is_as_in_earlier_releases() -> None:
    """Their studies had diffusers' ratios of FLUX.1, and thresholds that people set."""
    mag_cache = METHODS["mag_cache"]
    assert torch.equal(torch.tensor(mag_cache.assumed(28)), FLUX_MAG_RATIOS)
    pipe = tiny_pipeline("FLUX.1-dev")
    stack = Stack(tiny_context(pipe, ["mag_cache"], 28))
    assert stack.space["mag_cache.threshold"].values == (0.03, 0.06, 0.09, 0.12, 0.18, 0.24, 0.36)
    left_out = stack.schedule(stack.default).skips["blocks"]
    with stack.applied(pipe, stack.default) as generate:
        transformer, ran = pipe.transformer, list[int]()
        last = transformer.single_transformer_blocks[-1].attn
        last.to_q.register_forward_pre_hook(lambda *_: ran.append(1))
        draw(generate, 1, 28, **CALLS["FLUX.1-dev"])
    assert len(ran) == 28 - sum(left_out) < 28
