"""What is installed in a pipe makes its own call the accelerated one, until it is undone."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import torch

from accel_space.errors import RefusedError
from accel_space.handed_over.installing import install
from accel_space.methods import METHODS
from tests.accel_space.contract.stacks import (
    ARCHITECTURES,
    KNOWN_BEFOREHAND,
    Broken,
    FailsWhenApplied,
    Names,
    alone_and_together,
    assert_draws_plainly,
    breaking_after,
    draw_few,
    each_method,
    every_real_stack,
    make_stack,
    plain,
    quick_pipeline,
    steps_of,
    working_point,
)
from tests.accel_space.contract.test_lossless import assert_equal, gpu_pipeline, three_pictures
from tests.accel_space.pipe_state import assert_same_state, pipe_state
from tests.tiny_pipelines import CALLS, EVERY_FAMILY, FLOW_FAMILIES, denoiser_of, draw


@every_real_stack(turn=0)
def test_an_installed_pipe_draws_as_the_applied_stack_and_undone_as_before(
    family: str, names: Names
) -> None:
    pipe = quick_pipeline(family)
    stack = make_stack(pipe, names)
    with stack.applied(pipe, working_point(stack)) as generate:
        two, one = (draw_few(family, generate, batch) for batch in (2, 1))
    before = pipe_state(pipe)

    undo = stack.install(pipe, working_point(stack))
    pictures = three_pictures(family, pipe)
    undo()

    assert all(map(torch.equal, pictures, (two, one, two)))
    assert not torch.equal(pictures[1], plain(family))
    assert_same_state(pipe_state(pipe), before)
    assert_draws_plainly(pipe, family)


@each_method
def test_a_call_that_fails_changes_neither_the_next_one_nor_what_undo_restores(
    family: str, names: Names
) -> None:
    pipe = quick_pipeline(family)
    stack = make_stack(pipe, names)
    before = pipe_state(pipe)

    undo = stack.install(pipe, working_point(stack))
    picture = draw_few(family, pipe)
    with pytest.raises(Broken):
        draw_few(family, pipe, 2, **breaking_after(family, steps_of(stack) - 2))
    again = draw_few(family, pipe)
    with pytest.raises(Broken):
        draw_few(family, pipe, **breaking_after(family, 1))
    undo()

    assert torch.equal(picture, again)
    assert_same_state(pipe_state(pipe), before)
    assert_draws_plainly(pipe, family)


@each_method
def test_what_cannot_be_installed_in_full_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, family: str, names: Names
) -> None:
    pipe = quick_pipeline(family)
    monkeypatch.setitem(METHODS, "fails", FailsWhenApplied())
    stack = make_stack(pipe, (*names, "fails"))
    before = pipe_state(pipe)

    with pytest.raises(Broken):
        stack.install(pipe, working_point(stack))

    assert_same_state(pipe_state(pipe), before)


@pytest.mark.parametrize("family", EVERY_FAMILY)
def test_diffusers_takes_an_installed_pipe_for_what_it_is(family: str, tmp_path: Path) -> None:
    pipe = quick_pipeline(family)
    plain_class, call = type(pipe), signature(pipe.__call__)
    stack = make_stack(pipe, ("fewer_steps",))

    undo = stack.install(pipe, working_point(stack))
    kind = type(pipe)
    pipe.save_pretrained(tmp_path)
    accelerated = draw_few(family, pipe)
    undo()

    assert issubclass(kind, plain_class)
    assert (kind.__module__, kind.__name__) == (plain_class.__module__, plain_class.__name__)
    assert signature(kind.__call__) == signature(plain_class.__call__)
    assert signature(pipe.__call__) == call
    saved: Any = plain_class.from_pretrained(tmp_path, **NO_CHECKER.get(family, {}))
    saved.set_progress_bar_config(disable=True)
    assert type(saved) is plain_class
    # Weights that lie elsewhere in memory may be added up in another order.
    assert torch.allclose(draw_few(family, saved), plain(family), atol=1e-4)
    assert not torch.equal(accelerated, plain(family))


NO_CHECKER = {"SD1.5": {"safety_checker": None}, "SD2.1": {"safety_checker": None}}


def test_a_pipe_is_accelerated_once_and_undone_once() -> None:
    pipe = quick_pipeline("SD1.5")
    stack = make_stack(pipe, ("deepcache",))
    point = working_point(stack)
    undo = stack.install(pipe, point)
    with pytest.raises(RefusedError, match="undo"), stack.applied(pipe, point):
        pass
    with pytest.raises(RefusedError, match="undo"):
        stack.install(pipe, point)
    with pytest.raises(RuntimeError, match="undo"):
        install(pipe, lambda pipe, call: call)
    undo()
    pipe.note = "of later"

    undo()

    assert pipe.note == "of later"
    with stack.applied(pipe, point):
        pass


def test_undoing_frees_what_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting for the garbage collector, as a GPU's memory is short."""
    import gc
    import weakref

    pipe = quick_pipeline("SD1.5")
    stack = make_stack(pipe, ("deepcache",))
    features: list[weakref.ref[torch.Tensor]] = []
    gc.disable()
    try:
        undo = stack.install(pipe, stack.default)
        denoiser_of(pipe).mid_block.register_forward_hook(
            lambda _, __, output: features.append(weakref.ref(output))
        )
        draw_few("SD1.5", pipe)
        assert features[-1]() is not None
        undo()
        assert features[-1]() is None
    finally:
        gc.enable()


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("family", "names"),
    alone_and_together((*ARCHITECTURES, *FLOW_FAMILIES), ARCHITECTURES, [(), *KNOWN_BEFOREHAND]),
)
def test_captured_calls_are_installed(family: str, names: Names) -> None:
    pipe = gpu_pipeline(family)
    eager = make_stack(pipe, names)
    with eager.applied(pipe, eager.default) as generate:
        expected = three_pictures(family, generate)
    captured = make_stack(pipe, (*names, "cuda_graph"))
    before = pipe_state(pipe)

    undo = captured.install(pipe, eager.default)
    pictures = three_pictures(family, pipe) + three_pictures(family, pipe)
    undo()

    for picture, wanted in zip(pictures, expected * 2, strict=True):
        assert_equal(picture, wanted, names)
    assert_same_state(pipe_state(pipe), before)


@pytest.mark.gpu
def test_compiled_and_captured_calls_are_installed_together() -> None:
    pipe = gpu_pipeline("SD1.5")
    stack = make_stack(pipe, ("deepcache", "compile", "cuda_graph"))
    with stack.applied(pipe, stack.default) as generate:
        expected = draw(generate, 2, **CALLS["SD1.5"])
    before = pipe_state(pipe)

    undo = stack.install(pipe, stack.default)
    pictures = [draw(pipe, 2, **CALLS["SD1.5"]) for _ in range(2)]
    undo()

    assert all(torch.equal(picture, expected) for picture in pictures)
    assert_same_state(pipe_state(pipe), before)
