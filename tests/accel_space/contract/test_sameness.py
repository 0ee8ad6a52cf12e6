"""Equal schedules draw one picture, others do not, and no call depends on another.

A new method adds to `SYNONYMS` parameters of its that come to the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
import torch

from accel_space.family import Family
from accel_space.method import Params
from accel_space.methods import METHODS
from accel_space.stack import Stack
from tests.accel_space.contract.stacks import (
    ARCHITECTURES,
    FEW_STEPS,
    KNOWN_BEFOREHAND,
    STACKS,
    Broken,
    Names,
    alone_and_together,
    breaking_after,
    draw_few,
    every_real_stack,
    home,
    key_of,
    make_stack,
    quick_pipeline,
    shared_pipeline,
    steps_of,
    working_point,
    write,
)
from tests.default_points import default_of
from tests.tiers.covering import covering
from tests.tiny_pipelines import CALLS, FLOW_FAMILIES, STEPS, draw, tiny_context

SYNONYMS: dict[str, list[tuple[Params, Params]]] = {
    "deepcache": [
        ({"cache_interval": STEPS}, {"cache_interval": STEPS + 3}),
    ],
    "tgate": [
        ({"gate_step": 5, "sp_interval": 1, "warm_up": 0}, {"gate_step": 5, "warm_up": 3}),
    ],
    "tome": [
        ({"max_downsample": 2}, {"max_downsample": 3}),
    ],
    "pab": [
        (
            {"spatial_attention_block_skip_range": STEPS - 1},
            {"spatial_attention_block_skip_range": STEPS + 3},
        ),
    ],
    "cfg_cutoff": [
        ({"cutoff_step_index": STEPS - 1}, {"cutoff_step_index": STEPS + 3}),
    ],
    # Two numbers of steps never come to the same.
    "fewer_steps": [],
    # Two thresholds may always differ.
    "first_block_cache": [],
    "taylorseer": [
        ({"cache_interval": STEPS}, {"cache_interval": STEPS + 3}),
    ],
    "mag_cache": [
        ({"max_skip_steps": STEPS}, {"max_skip_steps": STEPS + 3}),
        ({"retention_ratio": 0.3}, {"retention_ratio": 0.31}),
    ],
    "step_cache": [
        ({"interval": float(STEPS)}, {"interval": STEPS + 3.0}),
    ],
}
"""Parameters that must come to the same in every stack; the others are the stack's defaults."""

SYNONYMS_ALONE: dict[str, list[tuple[Params, Params]]] = {
    "deepcache": [
        ({"cache_branch_id": 11}, {"cache_branch_id": 40}),
        ({"cache_interval": 1, "cache_branch_id": 0}, {"cache_interval": 1, "cache_branch_id": 3}),
    ],
    "tgate": [
        (
            {"gate_step": 6, "sp_interval": 5, "warm_up": 3},
            {"gate_step": 6, "sp_interval": 9, "warm_up": 3},
        ),
        (
            {"gate_step": 5, "sp_interval": 3, "warm_up": 4},
            {"gate_step": 5, "sp_interval": 7, "warm_up": 3},
        ),
        ({"gate_step": 5, "fi_interval": 4}, {"gate_step": 5, "fi_interval": 9}),
        (
            {"gate_step": STEPS, "sp_interval": 1},
            {"gate_step": STEPS + 22, "sp_interval": 1},
        ),
        (
            {"gate_step": 7, "sp_interval": 2, "warm_up": 1},
            {"gate_step": 7, "sp_interval": 2, "warm_up": 2},
        ),
    ],
    "tome": [
        ({"ratio": 0.75}, {"ratio": 0.9}),
        ({"ratio": 0.0}, {"ratio": 0.003}),
        ({"max_downsample": 8}, {"max_downsample": 64}),
        ({"ratio": 0.2, "max_downsample": 4}, {"ratio": 0.2, "max_downsample": 8}),
    ],
    "taylorseer": [
        ({"cache_interval": 1, "max_order": 0}, {"cache_interval": 1, "max_order": 2}),
        # Two calls are computed, which give one difference.
        (
            {"cache_interval": STEPS, "disable_cache_before_step": 1, "max_order": 1},
            {"cache_interval": STEPS, "disable_cache_before_step": 1, "max_order": 2},
        ),
    ],
    "step_cache": [
        ({"power": 1.0, "centre": 0.0}, {"power": 1.0, "centre": 1.0}),
        ({"interval": 1.0, "order": 0}, {"interval": 1.0, "order": 2}),
        # One full call is known, from which nothing but itself follows.
        ({"interval": float(STEPS), "order": 0}, {"interval": float(STEPS), "order": 2}),
    ],
    "pab": [
        (
            {"cross_attention_block_skip_range": STEPS - 1},
            {"cross_attention_block_skip_range": STEPS + 3},
        ),
    ],
}
"""The same for a method alone: what a stack forbids, and what it would only repeat."""


def _synonyms() -> Iterator[Any]:
    for names in STACKS:
        for name in names:
            alone = SYNONYMS_ALONE.get(name, []) if len(names) == 1 else []
            for one, other in SYNONYMS[name] + alone:
                difference = " ".join(
                    f"{key}={one.get(key, '')}/{other.get(key, '')}" for key in {**one, **other}
                )
                own = [
                    {f"{name}.{key}": value for key, value in each.items()} for each in (one, other)
                ]
                yield pytest.param(names, *own, id=f"{write(names)} {difference}")


def _shown(names: Names, one: Params, other: Params) -> set[Any]:
    """Every day shows each synonym of a method alone, and each method beside another."""
    return {*names} if len(names) > 1 else {(*one.items(), *other.items())}


@pytest.mark.parametrize(("names", "one", "other"), covering(_synonyms(), _shown))
def test_parameters_that_skip_the_same_draw_one_picture(
    names: Names, one: Params, other: Params
) -> None:
    family = str(home(names))
    pipe = shared_pipeline(family)
    stack = make_stack(pipe, names, STEPS)
    default = default_of(stack)
    pictures = []
    for params in ({**default, **one}, {**default, **other}):
        with stack.applied(pipe, params) as generate:
            pictures.append(draw(generate, **CALLS[family]))

    assert key_of(stack, {**default, **one}) == key_of(stack, {**default, **other})
    assert torch.equal(*pictures)


@pytest.mark.parametrize(
    ("family", "names"),
    alone_and_together((*ARCHITECTURES, "FLUX.1-dev"), ("SD1.5",), KNOWN_BEFOREHAND, turn=1),
)
def test_points_that_skip_something_else_draw_different_pictures(family: str, names: Names) -> None:
    pipe = quick_pipeline(family)
    stack = make_stack(pipe, names, STEPS)
    default = default_of(stack)
    points = {
        key_of(stack, params): params
        for name, choices in stack.space.items()
        for value in (choices.default, choices.values[0], choices.values[-1])
        for params in [{**default, name: value}]
    }
    pictures = []
    for point in points.values():
        with stack.applied(pipe, point) as generate:
            pictures.append(draw(generate, **CALLS[family]))

    assert len(points) > 1
    assert not any(torch.equal(one, other) for one, other in combinations(pictures, 2))


@pytest.mark.parametrize(
    ("family", "names"),
    alone_and_together(
        ("SD1.5", "PixArt-alpha", *FLOW_FAMILIES),
        ("SD1.5", "PixArt-alpha", "FLUX.1-dev"),
        STACKS,
        turn=0,
    ),
)
def test_a_used_pipe_draws_what_a_fresh_one_draws(family: str, names: Names) -> None:
    """After other batch sizes, another number of steps and another global random state."""
    pipe = quick_pipeline(family)
    more = make_stack(pipe, names, STEPS)
    with more.applied(pipe, working_point(more)) as generate:
        expected = draw(generate, **CALLS[family])
    pictures = []
    stack = make_stack(pipe, names)
    with torch.random.fork_rng(devices=[]), stack.applied(pipe, working_point(stack)) as generate:
        for seed, batch in enumerate((1, 2, 1)):
            torch.manual_seed(seed)
            pictures.append(draw_few(family, generate, batch))
    with more.applied(pipe, working_point(more)) as generate:
        after = draw(generate, **CALLS[family])

    first, _, second = pictures
    assert torch.equal(first, second)
    assert torch.equal(after, expected)


def _call_by_keyword(pipe: Any, family: Family, keyword: str) -> None:
    """Let a pipe give its denoiser latents and timestep by keyword."""
    denoiser = family.denoiser_of(pipe)
    plain = type(denoiser)

    def call(self: Any, latents: Any, timestep: Any = None, **others: Any) -> Any:
        timed = {} if timestep is None else {"timestep": timestep}
        return plain.__call__(self, **{keyword: latents}, **timed, **others)

    denoiser.__class__ = type("ByKeyword", (plain,), {"__call__": call})


@every_real_stack(turn=2)
def test_a_denoiser_that_is_called_by_keyword_draws_the_same(family: str, names: Names) -> None:
    keyword = "hidden_states" if family.startswith("PixArt") else "sample"
    by_place, by_keyword = quick_pipeline(family), quick_pipeline(family)
    context = tiny_context(by_place, names, FEW_STEPS)
    values = replace(context.family, latents_keyword=keyword)
    named = replace(context, profile=replace(context.profile, family=values))
    if refused := [name for name in names if METHODS[name].why_not(named)]:
        assert all("by keywords" in str(METHODS[name].why_not(named)) for name in refused)
        return
    _call_by_keyword(by_keyword, values, keyword)
    pictures = []
    for pipe, where in ((by_place, context), (by_keyword, named)):
        stack = Stack(where)
        with stack.applied(pipe, working_point(stack)) as generate:
            pictures.append(draw_few(family, generate))

    assert torch.equal(*pictures)


@every_real_stack(turn=1)
def test_a_call_does_not_depend_on_a_call_that_failed(family: str, names: Names) -> None:
    pipe = shared_pipeline(family)
    stack = make_stack(pipe, names)
    with stack.applied(pipe, working_point(stack)) as generate:
        picture = draw_few(family, generate)
        with pytest.raises(Broken):
            draw_few(family, generate, 2, **breaking_after(family, steps_of(stack) - 1))
        assert torch.equal(draw_few(family, generate), picture)
