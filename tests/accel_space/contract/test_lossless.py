"""What changes the time alone: beside the others, every picture stays as it is without it."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import pytest
import torch

from accel_space.applying import find_methods
from accel_space.errors import RefusedError
from accel_space.method import Generate
from accel_space.methods import METHODS
from accel_space.stack import Stack
from objectives.pipelines.catalogue import PIPELINES
from tests.accel_space.contract.stacks import (
    ARCHITECTURES,
    KNOWN_BEFOREHAND,
    LOSSY,
    Broken,
    FailsWhenApplied,
    Names,
    alone_and_together,
    breaking_after,
    context_of,
    draw_few,
    fits,
    home,
    key_of,
    make_stack,
    quick_pipeline,
)
from tests.accel_space.pipe_state import assert_same_state, pipe_state
from tests.tiny_pipelines import FLOW_FAMILIES, draw

LOSSLESS = [name for name in METHODS if name not in LOSSY]

CAPTURED = alone_and_together(
    (*ARCHITECTURES, *FLOW_FAMILIES), ARCHITECTURES, [(), *KNOWN_BEFOREHAND]
)

COMPILED = alone_and_together(
    (*ARCHITECTURES, *FLOW_FAMILIES),
    ARCHITECTURES,
    [
        names
        for names in [(), *KNOWN_BEFOREHAND]
        if METHODS["compile"].conflicts.keys().isdisjoint(names)
    ],
)

BESIDE = [
    (name, lossless)
    for name in LOSSY
    for lossless in LOSSLESS
    if name not in METHODS[lossless].conflicts
    and not (METHODS[name].has_hit and METHODS[lossless].static_only)
]


BY_CHANCE = 0.02
"""On a GPU, tomesd adds what it merges up in any order: so much of the picture's range differs from
one eager generation to the next as well."""


def assert_equal(picture: torch.Tensor, expected: torch.Tensor, names: Names) -> None:
    """Bit for bit, where eager generations equal each other so."""
    if "tome" in names:
        assert (picture - expected).abs().max() <= BY_CHANCE * expected.abs().max()
    else:
        assert torch.equal(picture, expected)


def gpu_pipeline(family: str) -> Any:
    dtype = PIPELINES[family].family.dtype_on(torch.device("cuda"))
    return quick_pipeline(family).to("cuda", getattr(torch, dtype))


def three_pictures(family: str, generate: Generate) -> list[torch.Tensor]:
    """One batch size, another in between, and the first one again."""
    return [draw_few(family, generate, batch) for batch in (2, 1, 2)]


@pytest.mark.gpu
@pytest.mark.parametrize(("family", "names"), CAPTURED)
def test_captured_pictures_are_equal_bit_for_bit(family: str, names: Names) -> None:
    pipe = gpu_pipeline(family)
    eager = make_stack(pipe, names)
    with eager.applied(pipe, eager.default) as generate:
        expected = three_pictures(family, generate)
    captured = make_stack(pipe, (*names, "cuda_graph"))
    before = pipe_state(pipe)
    kept: dict[Any, Any] = {}
    captures = []

    for _ in range(2):
        with captured.applied(pipe, eager.default, captures=kept) as generate:
            pictures = three_pictures(family, generate)
            again = three_pictures(family, generate)
        for picture, second, wanted in zip(pictures, again, expected, strict=True):
            assert_equal(picture, wanted, names)
            assert_equal(second, wanted, names)
        assert_same_state(pipe_state(pipe), before)
        captures.append([*kept.values()])

    assert len(kept) == 2
    # Nothing was captured anew.
    assert all(first is second for first, second in zip(*captures, strict=True))
    with eager.applied(pipe, eager.default) as generate:
        assert_equal(draw_few(family, generate, 2), expected[0], names)


@pytest.mark.gpu
def test_captures_are_bounded_and_their_memory_is_given_back() -> None:
    pipe = gpu_pipeline("SD1.5")
    stack = make_stack(pipe, ("cuda_graph",))

    def reserved_after(kept: dict[Any, Any]) -> int:
        """What is left once a pipe's captures are dropped."""
        with stack.applied(pipe, {}, captures=kept) as generate:
            for steps in range(2, 8):
                draw(generate, steps=steps)
        assert len(kept) == 4
        held = torch.cuda.memory_reserved()
        kept.clear()
        del generate
        gc.collect()
        torch.cuda.empty_cache()
        assert torch.cuda.memory_reserved() < held
        return torch.cuda.memory_reserved()

    # The first round leaves what libraries keep for good.
    first = reserved_after({})
    assert reserved_after({}) <= first


@pytest.mark.gpu
@pytest.mark.parametrize("wait", ["item", "python"])
def test_a_failed_capture_is_told_and_the_process_goes_on(wait: str) -> None:
    pipe = gpu_pipeline("SD1.5")
    expected = draw_few("SD1.5", pipe)
    stack = make_stack(pipe, ("cuda_graph",))
    before = pipe_state(pipe)
    block = pipe.unet.mid_block
    forward = type(block).forward

    def waiting(hidden_states: Any, *args: Any, **kwargs: Any) -> Any:
        if torch.cuda.is_current_stream_capturing():
            if wait == "python":
                raise ValueError("no")
            hidden_states.sum().item()
        return forward(block, hidden_states, *args, **kwargs)

    with (
        pytest.raises(RuntimeError, match="call 1 of the denoiser cannot be captured"),
        stack.applied(pipe, {}) as generate,
    ):
        block.forward = waiting
        draw_few("SD1.5", generate)

    assert_same_state(pipe_state(pipe), before)
    torch.rand(8, device="cuda")
    torch.randn(8, device="cuda", generator=torch.Generator("cuda").manual_seed(0))
    assert torch.equal(draw_few("SD1.5", pipe), expected)
    with stack.applied(pipe, {}) as generate:
        for _ in range(2):
            assert torch.equal(draw_few("SD1.5", generate), expected)


@pytest.mark.gpu
def test_a_generation_that_breaks_off_leaves_the_captures_sound() -> None:
    pipe = gpu_pipeline("SD1.5")
    stack = make_stack(pipe, ("deepcache", "cuda_graph"))
    with stack.applied(pipe, stack.default) as generate:
        expected = draw_few("SD1.5", generate)
        with pytest.raises(Broken):
            draw_few("SD1.5", generate, **breaking_after("SD1.5", 2))
        assert torch.equal(draw_few("SD1.5", generate), expected)


@pytest.mark.gpu
@pytest.mark.parametrize(("family", "names"), COMPILED)
def test_compiled_pictures_differ_by_rounding_alone(family: str, names: Names) -> None:
    pipe = gpu_pipeline(family)
    eager = make_stack(pipe, names)
    with eager.applied(pipe, eager.default) as generate:
        expected = draw_few(family, generate)
    before = pipe_state(pipe)
    for more in (("compile",), ("compile", "cuda_graph")):
        stack = make_stack(pipe, (*names, *more))
        with stack.applied(pipe, {**eager.default, "compile.parts": 2}) as generate:
            pictures = [draw_few(family, generate) for _ in range(2)]
        assert_same_state(pipe_state(pipe), before)
        assert torch.equal(*pictures)
        assert (pictures[0] - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize(("name", "lossless"), BESIDE)
def test_a_lossy_method_can_be_switched_off_beside_a_lossless_one(name: str, lossless: str) -> None:
    family = str(home((name,)))
    stack = make_stack(quick_pipeline(family), (name, lossless))
    off = stack.lossless_default
    assert off is not None
    assert stack.schedule(off).lossy_methods == ()
    assert stack.schedule(off).idle_methods == {name}
    assert off in stack.points
    assert stack.schedule(stack.default).lossy_methods == (name,)


@pytest.mark.parametrize("name", LOSSY)
def test_a_method_that_is_switched_off_draws_plainly(name: str) -> None:
    family = str(home((name,)))
    pipe = quick_pipeline(family)
    plain = draw_few(family, pipe)
    stack = make_stack(pipe, (name,))
    off = METHODS[name].off(stack.context)
    assert off is not None
    point = stack.default | {f"{name}.{own}": value for own, value in off.items()}
    with stack.applied(pipe, point) as generate:
        assert torch.equal(draw_few(family, generate), plain)


def test_a_stack_with_a_method_that_is_always_on_has_no_lossless_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(METHODS, "fails", FailsWhenApplied())
    pipe = quick_pipeline("SD1.5")
    assert make_stack(pipe, ("deepcache", "compile")).lossless_default is not None
    stack = make_stack(pipe, ("deepcache", "fails", "compile"))
    assert stack.lossless_default is None
    assert 1 not in stack.space["deepcache.cache_interval"].values


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_lossless_method_tells_so(name: str) -> None:
    family = next(family for family in ARCHITECTURES if fits((name,), family))
    stack = make_stack(quick_pipeline(family), (name,))
    assert stack.lossless_default is None
    for point in stack.points:
        schedule = stack.schedule(point)
        assert not schedule.skips and not schedule.features
        assert schedule.lossy_methods == ()
    assert len({key_of(stack, point) for point in stack.points}) == len(stack.points)


def test_a_cache_that_decides_while_running_is_not_captured() -> None:
    with pytest.raises(RefusedError, match="captured once"):
        find_methods(("first_block_cache", "cuda_graph"))


def test_compile_comes_first_and_cuda_graph_last() -> None:
    names = ("deepcache", "fewer_steps", "cfg_cutoff", "cuda_graph", "compile")
    ordered = [method.name for method in find_methods(names)]
    assert ordered[0] == "compile"
    assert ordered[-1] == "cuda_graph"


def test_cuda_graph_is_refused_on_a_cpu() -> None:
    with pytest.raises(RefusedError, match="the device is cpu"):
        Stack(replace(context_of(("cuda_graph",)), device="cpu"))
