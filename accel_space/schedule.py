"""Schedules: what a point changes in a generation, as far as is known before it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import fmean

Skipped = dict[str, tuple[float, ...]]
"""The share of each kind of work that is skipped, at each denoiser call: 0 is none, 1 is all."""

Features = Mapping[str, float]
"""Values, by name, that distinguish points whose shares are equal."""


@dataclass(frozen=True)
class Static:
    """Known before anything runs.

    Attributes:
        skips: The shares that each call skips. Names that methods share mean the same: `guidance`,
            `self_attention`, `cross_attention`.
        features: Values that distinguish points which skip the same and replace it differently.
    """

    skips: Skipped
    features: Features = field(default_factory=dict)


@dataclass(frozen=True)
class Dynamic:
    """Decided while running, from what the denoiser computes.

    Attributes:
        features: Values that the decisions depend on, such as a threshold.
    """

    features: Features


@dataclass(frozen=True)
class Lossless:
    """Changes only the time; every picture stays as it is without acceleration.

    Attributes:
        features: Values that the time depends on.
        changes_nothing: Whether the time stays the same too.
    """

    features: Features = field(default_factory=dict)
    changes_nothing: bool = False


Schedule = Static | Dynamic | Lossless


@dataclass(frozen=True)
class StackSchedule:
    """What all methods of a stack change together; equal schedules are one point.

    Attributes:
        skips: As in `Static`, at each call of the stack's context.
        features: The features of static and dynamic schedules, as `method.feature`.
        time_features: The features of lossless schedules.
        is_plain: Whether nothing changes, so that this is the plain pipe.
        lossy_methods: Names of the methods that skip something, in order.
        idle_methods: Names of the methods that change nothing.
    """

    skips: Skipped
    features: Features
    time_features: Features
    is_plain: bool
    lossy_methods: tuple[str, ...]
    idle_methods: frozenset[str]

    @classmethod
    def of(cls, name: str, schedule: Schedule, calls: int) -> StackSchedule:
        """Make the schedule of a stack of one method.

        Args:
            name: The name of the method.
            schedule: The schedule of the method.
            calls: The number of denoiser calls in the stack's context.
        """
        skips = _stretched(schedule.skips, calls) if isinstance(schedule, Static) else {}
        features = {f"{name}.{feature}": value for feature, value in schedule.features.items()}
        is_lossless, is_idle = isinstance(schedule, Lossless), _changes_nothing(schedule)
        return cls(
            skips=skips,
            features={} if is_lossless else features,
            time_features=features if is_lossless else {},
            is_plain=is_idle,
            lossy_methods=() if is_lossless or is_idle else (name,),
            idle_methods=frozenset({name} if is_idle else ()),
        )

    @classmethod
    def joined(cls, schedules: Sequence[StackSchedule]) -> StackSchedule:
        """Join the schedules of stacks of one method into that of the whole stack."""
        skips: Skipped = {}
        features: dict[str, float] = {}
        time_features: dict[str, float] = {}
        for each in schedules:
            skips |= each.skips
            features |= each.features
            time_features |= each.time_features
        idle = frozenset[str]().union(*(each.idle_methods for each in schedules))
        lossy = sorted(name for each in schedules for name in each.lossy_methods)
        is_plain = all(each.is_plain for each in schedules)
        return cls(skips, features, time_features, is_plain, tuple(lossy), idle)

    @property
    def skipped(self) -> dict[str, float]:
        """The share of each kind of work that is skipped over all calls, if any is."""
        return {kind: fmean(shares) for kind, shares in self.skips.items() if any(shares)}

    @property
    def key(self) -> tuple[object, ...]:
        """A value that is equal for equal schedules, and only for them."""
        return tuple(
            tuple(each.items()) for each in (self.skips, self.features, self.time_features)
        )


def _changes_nothing(schedule: Schedule) -> bool:
    if isinstance(schedule, Static):
        return not any(any(shares) for shares in schedule.skips.values())
    return isinstance(schedule, Lossless) and schedule.changes_nothing


def _stretched(skips: Skipped, calls: int) -> Skipped:
    """Spread the shares of at most `calls` calls over `calls` calls; none of them is lost."""
    return {
        name: shares
        if len(shares) == calls
        else tuple(map(shares.__getitem__, _places(len(shares), calls)))
        for name, shares in skips.items()
    }


@lru_cache(maxsize=256)
def _places(count: int, calls: int) -> tuple[int, ...]:
    return tuple(call * count // calls for call in range(calls))
