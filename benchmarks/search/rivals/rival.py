"""What the rivals share: they begin with given points and see the results of each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import optuna
from numpy.typing import NDArray

from accel_space.stack import Stack
from storage.reading.trials import measured
from storage.records.budgets import Budgets
from storage.records.measurement import Measurement
from storage.records.points import by_whole_names, point_key
from storage.records.trial import Point
from studies.search.samplers import Proposal, Proposer, Walk, make_distributions

Vector = NDArray[np.float64]


class Told(NamedTuple):
    """A measured point: its index among the points, and its result."""

    place: int
    measurement: Measurement

    @property
    def speedup(self) -> float:
        """As measured."""
        return self.measurement.speedup

    @property
    def loss(self) -> float:
        """As measured."""
        return self.measurement.clip_loss


class Rival(Proposer):
    """Chooses among the points of a stack by their parameters.

    Attributes:
        points: All points.
        coordinates: For every point the rank of each parameter's value, from 0 to 1.
    """

    thorough = False

    def __init__(self, stack: Stack, budgets: Budgets, first: Sequence[Point]) -> None:
        """Know the space and the budget.

        Args:
            stack: The methods and their space.
            budgets: What is allowed.
            first: The points to begin with.
        """
        self.points = stack.points
        self.budget = budgets.most_loss
        self._stack = stack
        self._first = first
        self._distributions = make_distributions(stack.space)
        self._places = {point_key(point): place for place, point in enumerate(self.points)}
        self.coordinates = np.column_stack(
            [_ranks([point[name] for point in self.points]) for name in stack.space]
        )

    @abstractmethod
    def choose(self, told: Sequence[Told], free: Sequence[int]) -> int:
        """Choose the index of the next point.

        Args:
            told: The measured points, the latest last; never empty.
            free: The indices of the other points; never empty.
        """

    def propose(self, study: optuna.Study, taken: Collection[str]) -> Proposal | None:
        """See `Proposer.propose`."""
        begin = Walk(self._first, self._distributions).propose(study, taken)
        if begin is not None:
            return begin
        free = [place for key, place in self._places.items() if key not in taken]
        if not free:
            return None
        told = []
        for trial in study.get_trials(deepcopy=False):
            if (measurement := measured(trial)) is not None:
                point = self._stack.canonical(by_whole_names(trial.params))
                told.append(Told(self._places[point_key(point)], measurement))
        point = self.points[self.choose(told, free)]
        return Walk([point], self._distributions).propose(study, taken)

    def distances(self, place: int) -> Vector:
        """The distance of all points from one, in steps of a parameter's whole range."""
        apart: Vector = np.abs(self.coordinates - self.coordinates[place]).sum(axis=1)
        return apart


def _ranks(values: Sequence[float]) -> Vector:
    choices = sorted(set(values))
    ranks = np.array([choices.index(value) for value in values], dtype=float)
    return ranks / max(1, len(choices) - 1)
