"""Points are distinct, and what cannot work is refused in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations, product
from typing import Any, ClassVar

import pytest

from accel_space.applying import find_methods
from accel_space.errors import RefusedError
from accel_space.method import Choices, Context, Generate, Method, Params, Space
from accel_space.methods import METHODS
from accel_space.schedule import Static
from accel_space.stack import Stack
from tests.accel_space.contract.stacks import (
    ALL_STACKS,
    ARCHITECTURES,
    FEW_STEPS,
    STACKS,
    FailsWhenApplied,
    Names,
    context_of,
    families_and_stacks,
    fits,
    home,
    key_of,
    quick_pipeline,
)
from tests.tiny_pipelines import EVERY_FAMILY


@pytest.mark.parametrize(
    ("family", "names"),
    families_and_stacks(("SD1.5", "PixArt-alpha", "FLUX.1-dev"), ALL_STACKS, turn=1),
)
@pytest.mark.parametrize("steps", [FEW_STEPS, 50])
def test_points_are_canonical_and_no_two_skip_the_same(
    family: str, names: Names, steps: int
) -> None:
    stack = Stack(context_of(names, family, steps))

    assert len({key_of(stack, point) for point in stack.points}) == len(stack.points)
    assert [stack.canonical(point) for point in stack.points] == stack.points
    assert stack.default in stack.points


@pytest.mark.parametrize(("family", "names"), families_and_stacks(ARCHITECTURES, STACKS))
def test_a_stack_is_refused_in_words_or_has_choices_for_every_parameter(
    family: str, names: Names
) -> None:
    context = context_of(names, family)
    for steps in range(12):
        try:
            space = Stack(replace(context, steps=steps)).space
        except RefusedError as refusal:
            assert len(str(refusal).split()) > 5
            assert "; " in str(refusal)
        else:
            assert space
            assert all(choices.values for choices in space.values())
            assert all(list(choices.values) == sorted(choices.values) for choices in space.values())


ELSEWHERE = [
    pytest.param(family, name, id=f"{family} {name}")
    for family, name in product(EVERY_FAMILY, METHODS)
    if not fits((name,), family)
]


@pytest.mark.parametrize(("family", "name"), ELSEWHERE)
def test_what_a_denoiser_cannot_do_is_refused_with_all_methods_that_it_can(
    family: str, name: str
) -> None:
    with pytest.raises(RefusedError, match=r"; use .* or ") as refusal:
        Stack(context_of((name,), family))

    _, _, way_on = str(refusal.value).partition("; use ")
    able = {other for other in METHODS if fits((other,), family)}
    assert {*way_on.replace(" or ", ", ").split(", ")} == able


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_pipeline_that_it_works_on(name: str) -> None:
    assert home((name,))


def test_two_methods_with_one_parameter_name_keep_their_values_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[float] = []

    def note_ratio(pipe: Any, generate: Generate, *, ratio: float) -> Generate:
        given.append(ratio)
        return generate

    class Namesake(Method):
        name = "namesake"
        accelerate = staticmethod(note_ratio)

        def why_not(self, context: Context) -> str | None:
            return None

        def space(self, context: Context) -> Space:
            return {"ratio": Choices((0.1, 0.9), default=0.9)}

        def schedule(self, params: Params, context: Context) -> Static:
            return Static({"names": (params["ratio"],) * context.calls})

    monkeypatch.setitem(METHODS, "namesake", Namesake())
    stack = Stack(context_of(("namesake", "tome"), steps=FEW_STEPS))
    point = {**stack.default, "tome.ratio": 0.25, "namesake.ratio": 0.1}

    assert stack.default["namesake.ratio"] == 0.9
    assert stack.schedule(point).skips["names"] == (0.1,) * FEW_STEPS
    with stack.applied(quick_pipeline("SD1.5"), point):
        assert given == [0.1]
    with pytest.raises(RefusedError, match=r"parameters .*tome.ratio.*; these were given: ratio"):
        stack.canonical({"ratio": 0.5, "max_downsample": 1})


@pytest.mark.parametrize("name", METHODS)
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
