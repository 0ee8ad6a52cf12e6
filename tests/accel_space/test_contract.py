"""What every method and every stack must hold to.

A new method is covered by being in METHODS; it adds what it promises to skip to `PROMISES`, and
parameters of its that come to the same to `SYNONYMS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import combinations, permutations, product
from typing import Any, ClassVar

import pytest
import torch
from diffusers import StableDiffusionPipeline

from accel_space.errors import RefusedError
from accel_space.method import (
    Context,
    Generate,
    Method,
    Params,
    Space,
    Value,
)
from accel_space.methods import METHODS
from accel_space.schedule import Skipped, Static
from accel_space.stack import Stack, find_methods
from tests.accel_space.pipe_state import assert_same_state, pipe_state
from tests.tiny_pipelines import CALLS, FAMILIES, STEPS, draw, tiny_context, tiny_pipeline

Names = tuple[str, ...]

SCHEDULERS = ("DDIMScheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler")

ARCHITECTURES = ("SD1.5", "SDXL", "PixArt-alpha")
"""Families whose denoisers differ in what a method patches."""

UNET_METHODS = frozenset({"deepcache", "tome"})
"""What a transformer is refused."""

FEW_STEPS = 6
"""The fewest with which no method is refused."""


def _compatible(names: Names) -> bool:
    return not any(other in METHODS[name].conflicts for name, other in permutations(names, 2))


def _fits(names: Names, family: str) -> bool:
    return not (family.startswith("PixArt") and UNET_METHODS.intersection(names))


ALL_STACKS: list[Names] = [
    names for size in range(3) for names in combinations(METHODS, size) if _compatible(names)
] + [("deepcache", "tgate", "tome")]
"""Every pair, and the prototype's three."""

STACKS = [names for names in ALL_STACKS if names]


def _write(names: Names) -> str:
    return "+".join(names) or "nothing"


def _families_and_stacks(families: tuple[str, ...], stacks: list[Names]) -> list[Any]:
    return [
        pytest.param(family, names, id=f"{family} {_write(names)}")
        for family, names in product(families, stacks)
        if _fits(names, family)
    ]


every_stack = pytest.mark.parametrize("names", ALL_STACKS, ids=_write)
every_real_stack = pytest.mark.parametrize("names", STACKS, ids=_write)
every_method = pytest.mark.parametrize("name", METHODS)


def quick_pipeline(family: str, scheduler: str = "DDIMScheduler") -> Any:
    """A pipe of the family's topology that is fast where the depth of its blocks means nothing."""
    unet_config = {} if family.startswith("PixArt") else {"layers_per_block": 1}
    return tiny_pipeline(family, scheduler, **unet_config)


@pytest.fixture
def pipe() -> Any:
    return quick_pipeline("SD1.5")


def _draw_few(family: str, generate: Generate, batch: int = 1, **call: Any) -> torch.Tensor:
    return draw(generate, batch, FEW_STEPS, **CALLS[family], **call)


@cache
def plain(family: str = "SD1.5", scheduler: str = "DDIMScheduler") -> torch.Tensor:
    """What the quick pipe draws with nothing applied, in few steps."""
    return _draw_few(family, quick_pipeline(family, scheduler))


def assert_draws_plainly(
    pipe: Any, family: str = "SD1.5", scheduler: str = "DDIMScheduler"
) -> None:
    """Two steps, guided both, show what a patch has left behind."""
    picture = draw(pipe, steps=2, **CALLS[family])
    assert torch.equal(picture, _plain_in_two_steps(family, scheduler))


@cache
def _plain_in_two_steps(family: str, scheduler: str) -> torch.Tensor:
    return draw(quick_pipeline(family, scheduler), steps=2, **CALLS[family])


@cache
def _bare_context(family: str, steps: int) -> Context:
    return tiny_context(quick_pipeline(family), (), steps)


def _context(names: Names, family: str = "SD1.5", steps: int = STEPS) -> Context:
    return replace(_bare_context(family, steps), methods=frozenset(names))


def _stack(pipe: Any, names: Names, steps: int = FEW_STEPS) -> Stack:
    return Stack(tiny_context(pipe, names, steps))


def _steps(stack: Stack) -> int:
    """How many steps the default point takes."""
    return int(stack.default.get("num_inference_steps", stack.context.steps))


def _skipped(stack: Stack, params: Params) -> tuple[Any, ...]:
    return tuple(stack.skipped(params).items())


class Broken(Exception):
    """Raised by the tests in the middle of a generation."""


def break_after(step: int) -> Callable[..., dict[str, Any]]:
    """Make a callback_on_step_end that raises after a step."""

    def callback(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if index == step:
            raise Broken
        return tensors

    return callback


# Undo


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize(("family", "names"), _families_and_stacks(FAMILIES, ALL_STACKS))
def test_a_stack_changes_the_picture_and_leaving_restores_the_pipe_and_its_picture(
    family: str, names: Names, scheduler: str
) -> None:
    pipe = quick_pipeline(family, scheduler)
    stack = _stack(pipe, names)
    before = pipe_state(pipe)
    generator_before = torch.get_rng_state()

    with stack.applied(pipe, stack.default) as generate:
        picture = _draw_few(family, generate)

    assert torch.equal(picture, plain(family, scheduler)) == (names == ())
    assert_same_state(pipe_state(pipe), before)
    assert_draws_plainly(pipe, family, scheduler)
    assert torch.equal(torch.get_rng_state(), generator_before)


@every_stack
def test_an_exception_after_a_step_restores_the_pipe_and_its_pictures(names: Names) -> None:
    # The scheduler that carries most from step to step.
    scheduler = "UniPCMultistepScheduler"
    pipe = quick_pipeline("SD1.5", scheduler)
    stack = _stack(pipe, names)
    before = pipe_state(pipe)

    with pytest.raises(Broken), stack.applied(pipe, stack.default) as generate:
        _draw_few("SD1.5", generate, callback_on_step_end=break_after(_steps(stack) - 2))

    assert_same_state(pipe_state(pipe), before)
    assert_draws_plainly(pipe, "SD1.5", scheduler)


@pytest.mark.parametrize(("family", "names"), _families_and_stacks(ARCHITECTURES, ALL_STACKS))
def test_an_exception_inside_the_denoiser_restores_the_pipe_and_its_pictures(
    family: str, names: Names
) -> None:
    pipe = quick_pipeline(family)
    stack = _stack(pipe, names)
    calls = iter(range(FEW_STEPS))

    def break_in_the_middle(*_: Any) -> None:
        if next(calls) == _steps(stack) // 2:
            raise Broken

    hook = _first_layer(pipe).register_forward_pre_hook(break_in_the_middle)
    before = pipe_state(pipe)

    with pytest.raises(Broken), stack.applied(pipe, stack.default) as generate:
        _draw_few(family, generate)

    assert_same_state(pipe_state(pipe), before)
    hook.remove()
    assert_draws_plainly(pipe, family)


class FailsWhenApplied(Method):
    name = "fails"
    title = "Fails"
    after = frozenset(METHODS)

    def why_not(self, context: Context) -> str | None:
        return None

    def space(self, context: Context) -> Space:
        return {}

    def schedule(self, params: Params, context: Context) -> Static:
        return Static({})

    @staticmethod
    def accelerate(pipe: Any, generate: Generate) -> Generate:
        raise Broken


@every_stack
def test_a_method_that_cannot_be_applied_takes_the_others_back(
    monkeypatch: pytest.MonkeyPatch, pipe: Any, names: Names
) -> None:
    monkeypatch.setitem(METHODS, "fails", FailsWhenApplied())
    stack = _stack(pipe, (*names, "fails"))
    before = pipe_state(pipe)

    with pytest.raises(Broken), stack.applied(pipe, stack.default):
        pass

    assert_same_state(pipe_state(pipe), before)


@every_real_stack
def test_a_call_kept_until_after_leaving_leaves_the_pipe_alone(pipe: Any, names: Names) -> None:
    stack = _stack(pipe, names)
    with stack.applied(pipe, stack.default) as generate:
        pass

    with suppress(AttributeError):
        _draw_few("SD1.5", generate)

    assert_draws_plainly(pipe)


# Work


@dataclass
class Work:
    """What one generation really computed, step by step."""

    batches: list[int] = field(default_factory=list)
    deep_steps: list[int] = field(default_factory=list)
    block_steps: list[int] = field(default_factory=list)
    self_attention_steps: list[int] = field(default_factory=list)
    cross_attention_steps: list[int] = field(default_factory=list)
    tokens_by_grid: dict[int, set[int]] = field(default_factory=dict)
    """Tokens that enter self-attentions, by the tokens of the grid that they come from."""

    @property
    def step(self) -> int:
        return len(self.batches) - 1


def watch(pipe: Any) -> Work:
    """Hook layers that no method patches, so that what is skipped does not count."""
    work = Work()

    def on_call(layer: Any, note: Callable[[torch.Tensor], object]) -> None:
        layer.register_forward_pre_hook(lambda _, inputs: note(inputs[0]))

    on_call(_first_layer(pipe), lambda latents: work.batches.append(len(latents)))
    last = _last_block(pipe)
    on_call(last.norm1, lambda _: work.block_steps.append(work.step))
    on_call(last.attn1.to_q, lambda _: work.self_attention_steps.append(work.step))
    on_call(last.attn2.to_q, lambda _: work.cross_attention_steps.append(work.step))
    if hasattr(pipe, "unet"):
        unet = pipe.unet
        on_call(unet.mid_block.resnets[0].conv1, lambda _: work.deep_steps.append(work.step))
        for block in (*unet.down_blocks, unet.mid_block, *unet.up_blocks):
            for attention in getattr(block, "attentions", []):
                _watch_tokens(attention, work)
    return work


def _first_layer(pipe: Any) -> Any:
    """What every call of the denoiser runs, whatever is applied."""
    return pipe.unet.conv_in if hasattr(pipe, "unet") else pipe.transformer.pos_embed


def _last_block(pipe: Any) -> Any:
    """The last transformer block; in Stable Diffusion DeepCache computes it at every step."""
    if hasattr(pipe, "transformer"):
        return pipe.transformer.transformer_blocks[-1]
    attentions = [block.attentions for block in pipe.unet.up_blocks if hasattr(block, "attentions")]
    return attentions[-1][-1].transformer_blocks[-1]


def _watch_tokens(attention: Any, work: Work) -> None:
    grid = 0

    def note_grid(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        nonlocal grid
        grid = inputs[0].shape[-2] * inputs[0].shape[-1]

    def note_tokens(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        work.tokens_by_grid.setdefault(grid, set()).add(inputs[0].shape[1])

    attention.register_forward_pre_hook(note_grid)
    attention.transformer_blocks[0].attn1.to_q.register_forward_pre_hook(note_tokens)


def _deep_blocks_run_at_whole_steps_only(work: Work, skipped: Skipped, batch: int) -> None:
    assert work.deep_steps == [step for step in range(work.step + 1) if not skipped["depth"][step]]
    assert len(work.deep_steps) <= work.step


def _attention_is_not_computed_where_it_is_skipped(
    work: Work, skipped: Skipped, batch: int
) -> None:
    for name, steps in (
        ("self_attention", work.self_attention_steps),
        ("cross_attention", work.cross_attention_steps),
    ):
        assert steps == [step for step in work.block_steps if not skipped[name][step]]
    assert work.self_attention_steps != work.cross_attention_steps


def _the_batch_is_halved_where_guidance_is_skipped(
    work: Work, skipped: Skipped, batch: int
) -> None:
    assert work.batches == [batch if share else 2 * batch for share in skipped["guidance"]]
    assert set(work.batches) == {batch, 2 * batch}


def _attention_and_guidance_stop_at_the_gate(work: Work, skipped: Skipped, batch: int) -> None:
    _attention_is_not_computed_where_it_is_skipped(work, skipped, batch)
    _the_batch_is_halved_where_guidance_is_skipped(work, skipped, batch)


def _merged_tokens_do_not_reach_attention(work: Work, skipped: Skipped, batch: int) -> None:
    merged = {}
    for name, (share, *others) in skipped.items():
        height, width = map(int, name.removeprefix("tokens_").split("x"))
        merged[height * width] = height * width * share
        assert others == [share] * work.step
    assert work.tokens_by_grid == {
        grid: {grid - merged.get(grid, 0)} for grid in work.tokens_by_grid
    }
    assert sum(merged.values()) > 0


def _fewer_steps_are_taken(work: Work, skipped: Skipped, batch: int) -> None:
    (share,) = set(skipped["steps"])
    assert len(work.batches) == round(STEPS * (1 - share)) < STEPS


PROMISES: dict[str, Callable[[Work, Skipped, int], None]] = {
    "deepcache": _deep_blocks_run_at_whole_steps_only,
    "tgate": _attention_and_guidance_stop_at_the_gate,
    "tome": _merged_tokens_do_not_reach_attention,
    "pab": _attention_is_not_computed_where_it_is_skipped,
    "cfg_cutoff": _the_batch_is_halved_where_guidance_is_skipped,
    "fewer_steps": _fewer_steps_are_taken,
}


@pytest.mark.parametrize(("family", "names"), _families_and_stacks(FAMILIES, STACKS))
def test_what_is_told_to_be_skipped_is_really_not_computed(family: str, names: Names) -> None:
    # Scheduler and batch change nothing here, and so each family shows another pair.
    place = FAMILIES.index(family)
    pipe = quick_pipeline(family, SCHEDULERS[place % 3])
    batch = 1 + place % 2
    stack = _stack(pipe, names, STEPS)
    # Here the gate cuts DeepCache's rhythm, both of T-GATE's intervals bite, two grids are merged.
    wanted: dict[str, Value] = {"gate_step": 5, "fi_interval": 2, "max_downsample": 4}
    # Still there when the gate comes.
    wanted["num_inference_steps"] = 7
    params = {
        name: wanted[name] if wanted.get(name) in choices.values else choices.default
        for name, choices in stack.space.items()
    }

    with stack.applied(pipe, params) as generate:
        work = watch(pipe)
        draw(generate, batch, **CALLS[family])

    for method in stack.methods:
        schedule = method.schedule(params, stack.context_of(method, params))
        PROMISES[method.name](work, schedule.skips, batch)


# Sameness

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
                yield pytest.param(names, one, other, id=f"{_write(names)} {difference}")


@pytest.mark.parametrize(("names", "one", "other"), list(_synonyms()))
def test_parameters_that_skip_the_same_draw_one_picture(
    pipe: Any, names: Names, one: Params, other: Params
) -> None:
    stack = _stack(pipe, names, STEPS)
    pictures = []
    for params in ({**stack.default, **one}, {**stack.default, **other}):
        with stack.applied(pipe, params) as generate:
            pictures.append(draw(generate))

    assert _skipped(stack, {**stack.default, **one}) == _skipped(stack, {**stack.default, **other})
    assert torch.equal(*pictures)


DIFFERENT = [
    *_families_and_stacks(("SD1.5", "PixArt-alpha"), STACKS),
    *_families_and_stacks(("SDXL",), [(name,) for name in METHODS]),
]


@pytest.mark.parametrize(("family", "names"), DIFFERENT)
def test_points_that_skip_something_else_draw_different_pictures(family: str, names: Names) -> None:
    pipe = quick_pipeline(family)
    stack = _stack(pipe, names, STEPS)
    points = {
        _skipped(stack, params): params
        for name, choices in stack.space.items()
        for value in (stack.default[name], choices.values[0], choices.values[-1])
        for params in [stack.canonical({**stack.default, name: value})]
    }
    pictures = []
    for point in points.values():
        with stack.applied(pipe, point) as generate:
            pictures.append(draw(generate, **CALLS[family]))

    assert len(points) > 2
    assert not any(torch.equal(one, other) for one, other in combinations(pictures, 2))


@pytest.mark.parametrize(
    ("family", "names"), _families_and_stacks(("SD1.5", "PixArt-alpha"), STACKS)
)
def test_a_call_depends_on_neither_the_call_before_nor_the_global_generator(
    family: str, names: Names
) -> None:
    pipe = quick_pipeline(family)
    stack = _stack(pipe, names)
    pictures = []
    with torch.random.fork_rng(devices=[]), stack.applied(pipe, stack.default) as generate:
        for seed, batch in enumerate((1, 2, 1)):
            torch.manual_seed(seed)
            pictures.append(_draw_few(family, generate, batch))

    assert torch.equal(pictures[0], pictures[2])


@every_real_stack
def test_a_call_does_not_depend_on_a_call_that_failed(pipe: Any, names: Names) -> None:
    stack = _stack(pipe, names)
    with stack.applied(pipe, stack.default) as generate:
        picture = _draw_few("SD1.5", generate)
        with pytest.raises(Broken):
            _draw_few("SD1.5", generate, 2, callback_on_step_end=break_after(_steps(stack) - 1))
        assert torch.equal(_draw_few("SD1.5", generate), picture)


# Points


@pytest.mark.parametrize(
    ("family", "names"), _families_and_stacks(("SD1.5", "PixArt-alpha"), ALL_STACKS)
)
@pytest.mark.parametrize("steps", [FEW_STEPS, 50])
def test_points_are_canonical_and_no_two_skip_the_same(
    family: str, names: Names, steps: int
) -> None:
    stack = Stack(_context(names, family, steps))

    assert len({_skipped(stack, point) for point in stack.points}) == len(stack.points)
    assert [stack.canonical(point) for point in stack.points] == stack.points
    assert stack.default in stack.points


@pytest.mark.parametrize(("family", "names"), _families_and_stacks(ARCHITECTURES, STACKS))
@pytest.mark.parametrize("steps", range(12))
def test_a_stack_is_refused_in_words_or_has_choices_for_every_parameter(
    family: str, names: Names, steps: int
) -> None:
    context = _context(names, family)
    try:
        space = Stack(replace(context, steps=steps)).space
    except RefusedError as refusal:
        assert len(str(refusal).split()) > 5
        assert "; " in str(refusal)
    else:
        assert space
        assert all(choices.values for choices in space.values())
        assert all(list(choices.values) == sorted(choices.values) for choices in space.values())


@pytest.mark.parametrize("name", sorted(UNET_METHODS))
@pytest.mark.parametrize("family", [family for family in FAMILIES if family.startswith("PixArt")])
def test_what_only_a_unet_can_do_is_refused_to_a_transformer_with_a_way_on(
    family: str, name: str
) -> None:
    context = _context((name,), family)

    with pytest.raises(RefusedError, match=r"UNet.*; use .* or ") as refusal:
        Stack(context)

    _, _, way_on = str(refusal.value).partition("; use ")
    assert {*way_on.replace(" or ", ", ").split(", ")} == METHODS.keys() - UNET_METHODS


def test_no_two_methods_share_a_parameter() -> None:
    names = [
        parameter
        for method in METHODS.values()
        for parameter in method.space(_context((method.name,)))
    ]
    assert len(set(names)) == len(names)


# Registry


@every_method
def test_a_method_is_filed_under_its_name_and_names_known_methods_only(name: str) -> None:
    method = METHODS[name]

    assert method.name == name
    assert method.title
    assert method.after | method.conflicts.keys() | method.includes <= METHODS.keys() - {name}


def test_the_order_of_methods_does_not_depend_on_the_order_of_names() -> None:
    for names in STACKS:
        orders = {find_methods(order) for order in permutations(names)}
        assert len(orders) == 1


def test_methods_come_after_those_that_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    # By name it would come before `tgate`.
    monkeypatch.setitem(METHODS, "fails", FailsWhenApplied())

    for names in STACKS:
        ordered = [method.name for method in find_methods((*names, "fails"))]
        assert ordered[-1] == "fails"
        for name, other in product(names, names):
            if other in METHODS[name].after:
                assert ordered.index(other) < ordered.index(name)


def test_a_conflict_is_found_from_either_side(monkeypatch: pytest.MonkeyPatch) -> None:
    class Rival(FailsWhenApplied):
        name = "rival"
        after = frozenset()
        conflicts: ClassVar[Mapping[str, str]] = {"tome": "they quarrel"}

    monkeypatch.setitem(METHODS, "rival", Rival())

    for names in permutations(("tome", "rival")):
        with pytest.raises(RefusedError, match="cannot be used together: they quarrel; leave one"):
            find_methods(names)


# Nesting


@every_stack
def test_a_pipe_is_not_accelerated_twice(pipe: Any, names: Names) -> None:
    stack = _stack(pipe, names)
    twin = StableDiffusionPipeline(**pipe.components, requires_safety_checker=False)

    with stack.applied(pipe, stack.default) as generate:
        for taken in (pipe, twin):
            with pytest.raises(RefusedError, match="already"), stack.applied(taken, stack.default):
                pass
        assert torch.equal(_draw_few("SD1.5", generate), plain()) == (names == ())
    with stack.applied(pipe, stack.default):
        pass
