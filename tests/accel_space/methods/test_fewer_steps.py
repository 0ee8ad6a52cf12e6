from __future__ import annotations

import pytest
import torch

from accel_space.errors import RefusedError
from accel_space.stack import Stack
from tests.tiny_pipelines import CALLS, draw, tiny_context, tiny_pipeline, tiny_sd


@pytest.mark.parametrize("scheduler", ["DDIMScheduler", "UniPCMultistepScheduler"])
@pytest.mark.parametrize("family", ["SD1.5", "PixArt-alpha"])
def test_it_draws_what_the_pipe_draws_in_so_many_steps(family: str, scheduler: str) -> None:
    pipe = tiny_pipeline(family, scheduler)
    stack = Stack(tiny_context(pipe, ["fewer_steps"], 10))

    with stack.applied(pipe, {"fewer_steps.num_inference_steps": 4}) as generate:
        picture = draw(generate, steps=10, **CALLS[family])

    assert torch.equal(picture, draw(pipe, steps=4, **CALLS[family]))


def test_stacked_it_draws_what_the_others_draw_in_so_many_steps() -> None:
    pipe = tiny_sd()
    deepcache = {"deepcache.cache_interval": 3, "deepcache.cache_branch_id": 0}
    with Stack(tiny_context(pipe, ["deepcache"], 7)).applied(pipe, deepcache) as generate:
        expected = draw(generate, steps=7)
    stack = Stack(tiny_context(pipe, ["deepcache", "fewer_steps"], 10))

    with stack.applied(pipe, {**deepcache, "fewer_steps.num_inference_steps": 7}) as generate:
        assert torch.equal(draw(generate, steps=10), expected)


def test_the_others_skip_within_the_steps_that_are_taken() -> None:
    stack = Stack(tiny_context(tiny_sd(), ["deepcache", "fewer_steps"], 10))
    point = {"deepcache.cache_branch_id": 0, "fewer_steps.num_inference_steps": 5}

    whole, beyond = (
        stack.schedule({**point, "deepcache.cache_interval": interval}).skips for interval in (3, 5)
    )

    # Steps 0 and 3 of five, laid out over ten calls.
    assert [call for call, share in enumerate(whole["depth"]) if not share] == [0, 1, 6, 7]
    assert [call for call, share in enumerate(beyond["depth"]) if not share] == [0, 1]
    assert whole["steps"] == (0.5,) * 10


def test_what_only_later_steps_would_show_is_one_point() -> None:
    stack = Stack(tiny_context(tiny_sd(), ["cfg_cutoff", "fewer_steps"], 10))

    points = [
        stack.canonical(
            {"cfg_cutoff.cutoff_step_index": cutoff, "fewer_steps.num_inference_steps": 3}
        )
        for cutoff in (2, 5, 8)
    ]

    assert points == [{"cfg_cutoff.cutoff_step_index": 2, "fewer_steps.num_inference_steps": 3}] * 3


@pytest.mark.parametrize(
    ("steps", "counts", "default"),
    [(20, (6, 8, 10, 12, 14, 16, 18), 10), (4, (2, 3), 2), (3, (2,), 2)],
)
def test_the_values_are_from_30_to_90_percent_of_the_steps(
    steps: int, counts: tuple[int, ...], default: int
) -> None:
    space = Stack(tiny_context(tiny_sd(), ["fewer_steps"], steps)).space

    assert space["fewer_steps.num_inference_steps"].values == counts
    assert space["fewer_steps.num_inference_steps"].default == default


def test_two_steps_cannot_be_fewer() -> None:
    with pytest.raises(RefusedError, match="steps is 2; use 3 steps or more"):
        Stack(tiny_context(tiny_sd(), ["fewer_steps"], 2))


def test_more_steps_than_the_studys_are_refused() -> None:
    stack = Stack(tiny_context(tiny_sd(), ["fewer_steps"], 10))

    with pytest.raises(RefusedError, match="at most the study's 10, not 11"):
        stack.canonical({"fewer_steps.num_inference_steps": 11})
