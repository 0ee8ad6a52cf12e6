"""The stacks that the contract is held to, and tiny pipes to hold them on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations, permutations, product
from typing import Any

import pytest
import torch

from accel_space.method import Context, Generate, Method, Params, Space, Value
from accel_space.methods import METHODS
from accel_space.schedule import Static
from accel_space.stack import Stack
from tests.default_points import default_of
from tests.tiers.covering import covering
from tests.tiny_pipelines import CALLS, STEPS, draw, tiny_context, tiny_pipeline

Names = tuple[str, ...]

SCHEDULERS = ("DDIMScheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler")

ARCHITECTURES = ("SD1.5", "SDXL", "PixArt-alpha")
"""Families whose denoisers differ in what a method patches. Each method alone is held to every
promise on all of them. How two methods wrap each other depends on their order and not on the
family: a promise about pairs is held on a UNet and on transformers, and the promises take turns."""

FEW_STEPS = 6
"""The fewest with which no method is refused."""


def has_unet(family: str) -> bool:
    return family.startswith("SD") and "3" not in family


def quick_pipeline(family: str, scheduler: str = "DDIMScheduler") -> Any:
    """A pipe of the family's topology that is fast where the depth of its blocks means nothing."""
    unet_config = {"layers_per_block": 1} if has_unet(family) else {}
    return tiny_pipeline(family, scheduler, **unet_config)


@cache
def shared_pipeline(family: str) -> Any:
    """A quick pipe that is only used accelerated: leaving that undoes all (test_undo.py)."""
    return quick_pipeline(family)


@cache
def _bare_context(family: str, steps: int) -> Context:
    return tiny_context(shared_pipeline(family), (), steps)


def context_of(names: Names, family: str = "SD1.5", steps: int = STEPS) -> Context:
    return replace(_bare_context(family, steps), methods=frozenset(names))


def fits(names: Names, family: str) -> bool:
    """Whether a family takes all methods of a stack."""
    context = context_of(names, family)
    return all(METHODS[name].why_not(context) is None for name in names)


def home(names: Names) -> str | None:
    """The first family that takes a stack."""
    return next((family for family in ARCHITECTURES if fits(names, family)), None)


def _compatible(names: Names) -> bool:
    return not any(other in METHODS[name].conflicts for name, other in permutations(names, 2))


LOSSY = [name for name, method in METHODS.items() if not method.is_lossless]
"""What changes the time alone has a contract of its own (test_lossless.py)."""

ALL_STACKS: list[Names] = [
    names
    for size in range(3)
    for names in combinations(LOSSY, size)
    if _compatible(names) and home(names)
] + [("deepcache", "tgate", "tome")]
"""Every pair, and the prototype's three."""

STACKS = [names for names in ALL_STACKS if names]

KNOWN_BEFOREHAND = [names for names in STACKS if not any(METHODS[name].has_hit for name in names)]
"""Those whose caches decide nothing while running."""


def write(names: Names) -> str:
    return "+".join(names) or "nothing"


def families_and_stacks(
    families: tuple[str, ...], stacks: Sequence[Names], turn: int | None = None
) -> list[Any]:
    return covering(_cells(families, stacks), _shown(turn))


def alone_and_together(
    families: tuple[str, ...],
    together: tuple[str, ...],
    stacks: Sequence[Names],
    turn: int | None = None,
) -> list[Any]:
    """Methods alone on the first families, and more than one on the others."""
    alone = [names for names in stacks if len(names) < 2]
    more = [names for names in stacks if names not in alone]
    return covering([*_cells(families, alone), *_cells(together, more)], _shown(turn))


def _cells(families: tuple[str, ...], stacks: Sequence[Names]) -> list[Any]:
    return [
        pytest.param(family, names, id=f"{family} {write(names)}")
        for family, names in product(families, stacks)
        if fits(names, family)
    ]


def _shown(turn: int | None) -> Callable[[str, Names], set[Any]]:
    """What cells show every day: each family, and each method on a UNet and on a transformer.

    They show each stack of several methods, too; where promises take turns, a third of these.
    """

    def shown(family: str, names: Names) -> set[Any]:
        if len(names) < 2:
            return {family, (names, has_unet(family))}
        its_turn = turn is None or ALL_STACKS.index(names) % 3 == turn
        return {family, names} if its_turn else set()

    return shown


def at_home(stacks: Sequence[Names]) -> list[Any]:
    """Each stack with one family."""
    return [pytest.param(home(names), names, id=write(names)) for names in stacks]


ALONE_AND_THREE = [names for names in ALL_STACKS if len(names) != 2]
"""For what a stack does for all its methods at once, as taking one snapshot. That pairs too are
undone, and draw the same after a call that failed, is held where their pictures are."""

each_method = pytest.mark.parametrize(("family", "names"), at_home(ALONE_AND_THREE))


def every_real_stack(turn: int) -> pytest.MarkDecorator:
    cells = covering(at_home(STACKS), _shown(turn))
    return pytest.mark.parametrize(("family", "names"), cells)


def draw_few(family: str, generate: Generate, batch: int = 1, **call: Any) -> torch.Tensor:
    return draw(generate, batch, FEW_STEPS, **CALLS[family], **call)


@cache
def plain(family: str = "SD1.5", scheduler: str = "DDIMScheduler") -> torch.Tensor:
    """What the quick pipe draws with nothing applied, in few steps."""
    return draw_few(family, quick_pipeline(family, scheduler))


def assert_draws_plainly(
    pipe: Any, family: str = "SD1.5", scheduler: str = "DDIMScheduler"
) -> None:
    """Two steps, guided both, show what a patch has left behind."""
    picture = draw(pipe, steps=2, **CALLS[family])
    assert torch.equal(picture, _plain_in_two_steps(family, scheduler))


@cache
def _plain_in_two_steps(family: str, scheduler: str) -> torch.Tensor:
    return draw(quick_pipeline(family, scheduler), steps=2, **CALLS[family])


def make_stack(pipe: Any, names: Names, steps: int = FEW_STEPS) -> Stack:
    return Stack(tiny_context(pipe, names, steps))


def working_point(stack: Stack) -> dict[str, Value]:
    """The default point; a cache that decides while running has the value at which it hits most."""
    deciding = [method for method in stack.methods if method.has_hit is not None]
    most = {
        f"{method.name}.{name}": choices.values[-1]
        for method in deciding
        for name, choices in method.space(stack.context).items()
    }
    return {**default_of(stack), **most}


def steps_of(stack: Stack) -> int:
    """How many steps the default point takes."""
    return int(default_of(stack).get("fewer_steps.num_inference_steps", stack.context.steps))


def key_of(stack: Stack, params: Params) -> tuple[Any, ...]:
    return stack.schedule(params).key


class Broken(Exception):
    """Raised by the tests in the middle of a generation."""


def breaking_after(family: str, step: int) -> dict[str, Any]:
    """What makes a family's call raise after a step."""

    def on_step_end(_: Any, index: int, *__: Any) -> Any:
        if index == step:
            raise Broken
        return {}

    def callback(index: int, *_: Any) -> None:
        on_step_end(None, index)

    if family.startswith("PixArt"):
        return {"callback": callback}
    return {"callback_on_step_end": on_step_end}


class FailsWhenApplied(Method):
    name = "fails"
    title = "Fails"
    after = frozenset(METHODS)

    def why_not(self, context: Context) -> str | None:
        return None

    def space(self, context: Context) -> Space:
        return {}

    def schedule(self, params: Params, context: Context) -> Static:
        return Static({"all": (1.0,)})

    @staticmethod
    def accelerate(pipe: Any, generate: Generate) -> Generate:
        raise Broken
