"""Points of stacks whose schedules are not known beforehand, or leave nothing out."""

from __future__ import annotations

import pytest

from accel_space.methods import METHODS
from accel_space.stack import Stack
from tests.accel_space.toys import TOYS
from tests.tiny_pipelines import tiny_context, tiny_sd


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    for toy in TOYS:
        monkeypatch.setitem(METHODS, toy.name, toy)


def _stack(*names: str) -> Stack:
    return Stack(tiny_context(tiny_sd(), names))


def test_equal_features_are_one_point_of_a_cache_that_decides() -> None:
    stack = _stack("decides")

    assert stack.grid_size == 3 * 4
    assert len(stack.points) == 3 * 3
    assert stack.canonical({"level": 0.1, "warm_up_steps": 200}) == {
        "decides.level": 0.1,
        "decides.warm_up_steps": 100,
    }


def test_shares_and_features_both_tell_points_of_a_mixed_stack_apart() -> None:
    static, mixed = _stack("tome"), _stack("tome", "decides")

    assert len(mixed.points) == len(static.points) * 9
    schedule = mixed.schedule(mixed.default)
    assert schedule.skips == static.schedule(static.default).skips
    assert schedule.features.keys() == {"decides.level", "decides.warm_up"}
    assert not schedule.time_features


def test_what_changes_the_time_alone_has_points_although_it_leaves_nothing_out() -> None:
    assert _stack("captures").points == [{"captures.mode": mode} for mode in range(3)]
    assert _stack("captures_once").points == [{}]


def test_features_of_the_time_stay_apart_from_those_of_the_picture() -> None:
    stack = _stack("captures", "fewer_steps")

    schedule = stack.schedule(stack.default)
    assert schedule.time_features == {"captures.mode": 0}
    assert not schedule.features
    assert not schedule.is_plain


def test_a_stack_of_nothing_is_the_plain_pipe() -> None:
    stack = _stack()

    assert stack.schedule({}).is_plain
    assert stack.points == [{}]
