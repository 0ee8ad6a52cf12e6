"""Left, also by an exception anywhere, a pipe is what it was."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import torch

from accel_space.errors import RefusedError
from accel_space.methods import METHODS
from tests.accel_space.contract.stacks import (
    ALL_STACKS,
    ALONE_AND_THREE,
    ARCHITECTURES,
    FEW_STEPS,
    SCHEDULERS,
    Broken,
    FailsWhenApplied,
    Names,
    alone_and_together,
    assert_draws_plainly,
    breaking_after,
    draw_few,
    each_method,
    families_and_stacks,
    make_stack,
    plain,
    quick_pipeline,
    steps_of,
    working_point,
)
from tests.accel_space.contract.watching import first_layer
from tests.accel_space.pipe_state import assert_same_state, pipe_state
from tests.tiny_pipelines import EVERY_FAMILY


@pytest.mark.parametrize(
    ("family", "names"),
    alone_and_together(EVERY_FAMILY, ("SD1.5", "PixArt-alpha"), ALL_STACKS, turn=2),
)
def test_a_stack_changes_the_picture_and_leaving_restores_the_pipe_and_its_picture(
    family: str, names: Names
) -> None:
    # Each stack meets every scheduler, and so does each family.
    scheduler = SCHEDULERS[(EVERY_FAMILY.index(family) + ALL_STACKS.index(names)) % 3]
    pipe = quick_pipeline(family, scheduler)
    stack = make_stack(pipe, names)
    before = pipe_state(pipe)
    generator_before = torch.get_rng_state()

    with stack.applied(pipe, working_point(stack)) as generate:
        picture = draw_few(family, generate)

    assert torch.equal(picture, plain(family, scheduler)) == (names == ())
    assert_same_state(pipe_state(pipe), before)
    assert_draws_plainly(pipe, family, scheduler)
    assert torch.equal(torch.get_rng_state(), generator_before)


@each_method
def test_an_exception_after_a_step_restores_the_pipe_and_its_pictures(
    family: str, names: Names
) -> None:
    # The scheduler that carries most from step to step.
    scheduler = "UniPCMultistepScheduler"
    pipe = quick_pipeline(family, scheduler)
    stack = make_stack(pipe, names)
    before = pipe_state(pipe)

    with pytest.raises(Broken), stack.applied(pipe, working_point(stack)) as generate:
        draw_few(family, generate, **breaking_after(family, steps_of(stack) - 2))

    assert_same_state(pipe_state(pipe), before)
    assert_draws_plainly(pipe, family, scheduler)


@pytest.mark.parametrize(
    ("family", "names"),
    families_and_stacks((*ARCHITECTURES, "FLUX.1-dev", "SD3.5-medium"), ALONE_AND_THREE),
)
def test_an_exception_inside_the_denoiser_restores_the_pipe_and_its_pictures(
    family: str, names: Names
) -> None:
    pipe = quick_pipeline(family)
    stack = make_stack(pipe, names)
    calls = iter(range(FEW_STEPS))

    def break_in_the_middle(*_: Any) -> None:
        if next(calls) == steps_of(stack) // 2:
            raise Broken

    hook = first_layer(pipe).register_forward_pre_hook(break_in_the_middle)
    before = pipe_state(pipe)

    with pytest.raises(Broken), stack.applied(pipe, working_point(stack)) as generate:
        draw_few(family, generate)

    assert_same_state(pipe_state(pipe), before)
    hook.remove()
    assert_draws_plainly(pipe, family)


@each_method
def test_a_method_that_cannot_be_applied_takes_the_others_back(
    monkeypatch: pytest.MonkeyPatch, family: str, names: Names
) -> None:
    pipe = quick_pipeline(family)
    monkeypatch.setitem(METHODS, "fails", FailsWhenApplied())
    stack = make_stack(pipe, (*names, "fails"))
    before = pipe_state(pipe)

    with pytest.raises(Broken), stack.applied(pipe, working_point(stack)):
        pass

    assert_same_state(pipe_state(pipe), before)


@each_method
def test_a_call_kept_until_after_leaving_leaves_the_pipe_alone(family: str, names: Names) -> None:
    pipe = quick_pipeline(family)
    stack = make_stack(pipe, names)
    with stack.applied(pipe, working_point(stack)) as generate:
        pass

    with suppress(AttributeError):
        draw_few(family, generate)

    assert_draws_plainly(pipe, family)


NO_CHECKER = {"SD1.5": {"requires_safety_checker": False}}


@each_method
def test_a_pipe_is_not_accelerated_twice(family: str, names: Names) -> None:
    pipe = quick_pipeline(family)
    stack = make_stack(pipe, names)
    twin = type(pipe)(**pipe.components, **NO_CHECKER.get(family, {}))

    with stack.applied(pipe, working_point(stack)) as generate:
        for taken in (pipe, twin):
            with (
                pytest.raises(RefusedError, match="already"),
                stack.applied(taken, working_point(stack)),
            ):
                pass
        assert torch.equal(draw_few(family, generate), plain(family)) == (names == ())
    with stack.applied(pipe, working_point(stack)):
        pass
