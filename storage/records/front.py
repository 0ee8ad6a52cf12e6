"""Pareto fronts: which of the measured points are worth having."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Protocol, TypeVar


class Scored(Protocol):
    """Anything with the two objectives."""

    @property
    def speedup(self) -> float:
        """Baseline latency / accelerated latency; more is better."""

    @property
    def loss(self) -> float:
        """The loss in the study's metric; less is better."""


AnyScored = TypeVar("AnyScored", bound=Scored)


def pareto_front(points: Sequence[AnyScored]) -> list[AnyScored]:
    """The points that no other one matches or beats in both objectives, fastest first.

    Of two points equal in both, the earlier one stays.
    """
    front: list[AnyScored] = []
    for point in sorted(points, key=lambda point: (-point.speedup, point.loss)):
        if not front or point.loss < front[-1].loss:
            front.append(point)
    return front


def least_loss(loss_budget: float) -> float:
    """The loss that any smaller loss counts as in a search: a gain is no better than no loss.

    Acceleration is not meant to improve pictures, and with a protocol's prompts a gain is mostly
    chance; a search for gains would spend its trials on slow points. Only if the budget allows no
    loss, or demands a gain, do all losses count as they are.

    Args:
        loss_budget: The greatest loss allowed.
    """
    return 0.0 if loss_budget > 0 else -inf


def is_dominated(speedup: float, loss: float, front: Sequence[Scored], loss_budget: float) -> bool:
    """Whether a point of the front is at least as fast and loses no more, by `least_loss`."""
    counted = max(loss, least_loss(loss_budget))
    return any(other.speedup >= speedup and other.loss <= counted for other in front)


def best_inside(points: Sequence[AnyScored], loss_budget: float) -> AnyScored | None:
    """The fastest point inside the loss budget, or None if there is none.

    If two are equally fast, the one with the smaller loss.
    """
    inside = [point for point in points if point.loss <= loss_budget]
    return max(inside, key=lambda point: (point.speedup, -point.loss), default=None)


def hypervolume(points: Sequence[Scored], loss_budget: float) -> float:
    """The area that the points dominate inside the loss budget, above a speedup of 1.

    It ends at zero loss: a point better than the baseline counts for no more (`least_loss`).

    Args:
        points: Any points; only those on the front and inside the budget count.
        loss_budget: The greatest loss allowed.
    """
    inside = [p for p in points if p.loss <= loss_budget and p.speedup > 1]
    area, ceiling, least = 0.0, loss_budget, least_loss(loss_budget)
    for point in pareto_front(inside):
        loss = max(point.loss, least)
        area += (point.speedup - 1) * (ceiling - loss)
        ceiling = loss
    return area
