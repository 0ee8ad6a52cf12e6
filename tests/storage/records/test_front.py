from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records.front import best_inside, hypervolume, is_dominated, pareto_front

BUDGET = 0.02


@dataclass(frozen=True)
class Point:
    speedup: float
    loss: float
    name: int = 0


# Coarse values, so that ties are common.
coarse = st.lists(
    st.tuples(st.integers(0, 12), st.integers(-4, 6)).map(lambda p: Point(p[0] / 4, p[1] / 200)),
    max_size=12,
)
fine = st.lists(
    st.builds(Point, speedup=st.floats(0.1, 10), loss=st.floats(-0.5, 0.9)), max_size=12
)
points = st.one_of(coarse, fine).map(
    lambda found: [Point(p.speedup, p.loss, name) for name, p in enumerate(found)]
)


def beats(one: Point, other: Point) -> bool:
    no_worse = one.speedup >= other.speedup and one.loss <= other.loss
    better = one.speedup > other.speedup or one.loss < other.loss
    return no_worse and (better or one.name < other.name)


@given(points=points)
def test_front_holds_exactly_what_nothing_beats_fastest_first(points: list[Point]) -> None:
    unbeaten = [one for one in points if not any(beats(other, one) for other in points)]
    assert pareto_front(points) == sorted(unbeaten, key=lambda point: -point.speedup)


@given(points=points)
def test_front_of_a_front_is_itself(points: list[Point]) -> None:
    front = pareto_front(points)
    assert pareto_front(front) == front


def test_of_equal_points_the_earlier_one_stays() -> None:
    points = [Point(2.0, 0.01, 0), Point(2.0, 0.01, 1), Point(1.5, 0.01, 2), Point(2.0, 0.02, 3)]
    assert pareto_front(points) == [points[0]]


def test_nothing_has_no_front() -> None:
    assert pareto_front([]) == []
    assert not is_dominated(1.0, 0.0, [], BUDGET)
    assert best_inside([], BUDGET) is None
    assert hypervolume([], BUDGET) == 0


@given(points=points, candidate=points)
def test_dominated_is_what_would_not_enter_the_front(
    points: list[Point], candidate: list[Point]
) -> None:
    front = pareto_front(points)
    for point in candidate:
        late = Point(point.speedup, point.loss, name=1000)
        enters = late in pareto_front([*points, late])
        # Where no loss is allowed, gains count as well.
        assert is_dominated(point.speedup, point.loss, front, loss_budget=0) is not enters


@given(points=points, candidate=points)
def test_a_gain_does_not_save_a_slower_point(points: list[Point], candidate: list[Point]) -> None:
    front = pareto_front(points)
    for point in candidate:
        none_lost = Point(point.speedup, max(0.0, point.loss))
        assert is_dominated(point.speedup, point.loss, front, BUDGET) is is_dominated(
            none_lost.speedup, none_lost.loss, front, loss_budget=0
        )


def test_equal_point_is_dominated() -> None:
    front = [Point(3.0, 0.05), Point(2.0, 0.01)]
    assert is_dominated(2.0, 0.01, front, BUDGET)
    assert is_dominated(1.9, 0.02, front, BUDGET)
    assert not is_dominated(2.1, 0.04, front, BUDGET)
    assert not is_dominated(1.0, 0.0, front, BUDGET)


@given(points=points)
def test_best_is_the_fastest_inside_the_budget_and_on_the_front(points: list[Point]) -> None:
    best = best_inside(points, BUDGET)
    inside = [point for point in points if point.loss <= BUDGET]
    assert (best is None) == (not inside)
    if best is not None:
        assert best.speedup == max(point.speedup for point in inside)
        assert best in pareto_front(points)


def test_loss_of_exactly_the_budget_is_inside() -> None:
    edge, outside = Point(2.0, BUDGET), Point(3.0, 0.0200001)
    assert best_inside([edge, outside], BUDGET) == edge
    assert best_inside([outside], BUDGET) is None


def test_known_hypervolumes() -> None:
    assert hypervolume([Point(2.0, 0.01)], BUDGET) == pytest.approx(1.0 * 0.01)
    assert hypervolume([Point(3.0, 0.01), Point(2.0, 0.0)], BUDGET) == pytest.approx(0.03)
    # A gain counts for no more than no loss; what is slower or outside counts for nothing.
    assert hypervolume([Point(2.0, -0.01)], BUDGET) == pytest.approx(0.02)
    assert hypervolume([Point(2.0, -0.01), Point(1.5, -0.1)], BUDGET) == pytest.approx(0.02)
    assert hypervolume([Point(0.5, -0.5), Point(9.0, 0.03), Point(1.0, 0.0)], BUDGET) == 0


def test_gains_count_where_the_budget_demands_one() -> None:
    assert hypervolume([Point(3.0, -0.02), Point(2.0, -0.03)], -0.01) == pytest.approx(0.03)
    assert hypervolume([Point(3.0, 0.0), Point(2.0, -0.01)], 0) == pytest.approx(0.01)


@given(points=coarse)
def test_hypervolume_is_the_number_of_dominated_cells(points: list[Point]) -> None:
    # All values lie on a grid of 1/4 by 1/200, so counting its cells integrates exactly.
    cells = sum(
        any(p.speedup >= (s + 1) / 4 and p.loss <= loss / 200 + 1e-12 for p in points)
        for s in range(4, 12)
        for loss in range(4)
    )
    assert hypervolume(points, BUDGET) == pytest.approx(cells / 4 / 200, abs=1e-9)


@given(points=points, more=points)
def test_hypervolume_never_shrinks(points: list[Point], more: list[Point]) -> None:
    assert hypervolume(points + more, BUDGET) >= hypervolume(points, BUDGET) - 1e-12
    assert hypervolume(points, BUDGET) == hypervolume(pareto_front(points), BUDGET)
