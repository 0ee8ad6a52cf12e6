"""Points of two studies that each learned their own values of a parameter.

Thresholds that are learned from a pipe differ in their third digit from machine to machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from storage.records.study import Study
from storage.records.trial import Point

Choices = Mapping[str, Sequence[int | float]]

NEAR = 0.1
"""Greatest relative difference from another study's value that still counts as the same."""


def learned_choices(study: Study) -> dict[str, list[int | float]]:
    """The values of the parameters of a study's methods that learned something."""
    return {
        name: values
        for name, values in study.space.choices.items()
        if name.partition(".")[0] in study.learned
    }


def counterpart(point: Point, own: Choices, others: Choices) -> Point:
    """Find the counterpart of a point in another study; the point itself if nothing was learned.

    Args:
        point: The point.
        own: The `learned_choices` of its study.
        others: Those of the other study.
    """
    return {
        name: _nearest(value, own[name], others[name]) if name in own and name in others else value
        for name, value in point.items()
    }


def _nearest(
    value: int | float, own: Sequence[int | float], others: Sequence[int | float]
) -> int | float:
    """The nearest value of the other study, if this value is also the nearest to it."""
    near = min(others, key=lambda other: abs(other - value))
    back = min(own, key=lambda mine: abs(mine - near))
    return near if back == value and abs(near - value) <= NEAR * abs(value) else value
