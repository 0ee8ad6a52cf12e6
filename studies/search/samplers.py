"""How the next point is chosen: a walk over a list of points, or a search by an Optuna sampler."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from accel_space.errors import RefusedError
from accel_space.method import Choices, Space
from accel_space.stack import Stack
from storage.records.budgets import Budgets
from storage.records.points import by_whole_names, point_key, stored_name
from storage.records.trial import Point
from storage.study_store.constraints import BudgetedStudy
from storage.study_store.points import ask
from studies.search.front_sampler import FrontSampler
from studies.search.point_sampler import PointSampler

MAX_REPEATS = 5
"""After this many known points in a row, a search gets an unseen one."""


@dataclass(frozen=True)
class Proposal:
    """A trial that was asked for, and its canonical point."""

    trial: optuna.Trial
    point: Point


class Proposer(ABC):
    """Chooses points. `thorough` proposers want every point measured in full."""

    thorough: bool

    @abstractmethod
    def propose(self, study: optuna.Study, taken: Collection[str]) -> Proposal | None:
        """Ask the study for a trial of one more point.

        Args:
            study: The study.
            taken: Keys of the points that are measured, failed or under way.

        Returns:
            A point outside `taken`, or one in it that the sampler insists on; None if all are
            taken.
        """


class Walk(Proposer):
    """Takes a list of points in order, however many workers share the walk."""

    thorough = True

    def __init__(self, points: Sequence[Point], distributions: dict[str, BaseDistribution]) -> None:
        self._points = {point_key(point): point for point in points}
        self._distributions = distributions

    def propose(self, study: optuna.Study, taken: Collection[str]) -> Proposal | None:
        """See `Proposer.propose`."""
        left = [point for key, point in self._points.items() if key not in taken]
        return _ask_for(study, left, self._distributions) if left else None


class Extension(Proposer):
    """Takes the most promising point to extend the front, after those that come first."""

    def __init__(
        self,
        stack: Stack,
        sampler: FrontSampler,
        first: Sequence[Point],
        distributions: dict[str, BaseDistribution],
        thorough: bool,
    ) -> None:
        self.thorough = thorough
        self._stack = stack
        self._sampler = sampler
        self._first = Walk(first, distributions)
        self._distributions = distributions

    def propose(self, study: optuna.Study, taken: Collection[str]) -> Proposal | None:
        """See `Proposer.propose`."""
        first = self._first.propose(study, taken)
        if first is not None:
            return first
        if all(point_key(point) in taken for point in self._stack.points):
            return None
        self._sampler.taken = taken
        trial = ask(study, self._sampler, self._distributions)
        return Proposal(trial, _point_of(trial, self._stack))


class Search(Proposer):
    """Lets an Optuna sampler choose; a sampler stuck on known points gets help."""

    thorough = False

    def __init__(
        self,
        stack: Stack,
        sampler: BaseSampler,
        starters: Sequence[Point],
        distributions: dict[str, BaseDistribution],
        seed: int,
        budgets: Budgets,
    ) -> None:
        self._stack = stack
        self._sampler = sampler
        self._budgets = budgets
        self._budgeted: BudgetedStudy | None = None
        self._starters = Walk(starters, distributions)
        self._distributions = distributions
        self._random = np.random.default_rng(seed)
        self._repeats = 0

    def propose(self, study: optuna.Study, taken: Collection[str]) -> Proposal | None:
        """See `Proposer.propose`."""
        starter = self._starters.propose(study, taken)
        if starter is not None:
            return starter
        if self._repeats >= MAX_REPEATS:
            unseen = [point for point in self._stack.points if point_key(point) not in taken]
            if not unseen:
                return None
            self._repeats = 0
            self._random.shuffle(unseen)
            return _ask_for(study, unseen, self._distributions)
        if self._budgeted is None:
            self._budgeted = BudgetedStudy(study, self._budgets)
        trial = ask(self._budgeted, self._sampler, self._distributions)
        point = _point_of(trial, self._stack)
        self._repeats = self._repeats + 1 if point_key(point) in taken else 0
        return Proposal(trial, point)


def make_proposer(
    name: str,
    stack: Stack,
    trials: int,
    seed: int,
    budgets: Budgets,
    first: Sequence[Point] = (),
) -> Proposer:
    """Make the proposer of a sampler.

    Args:
        name: `auto` extends the front (`FrontSampler`), and wants every point in full if the
            trials suffice for all; `grid` walks the prototype's order; the others are Optuna's.
        stack: The methods and their space.
        trials: How many distinct points may be measured.
        seed: Seed of the sampler.
        budgets: What is allowed.
        first: Points of the space that are proposed before any other, whatever the sampler.
    """
    distributions = make_distributions(stack.space)
    if name == "grid":
        return Walk([*first, *stack.points], distributions)
    if name == "auto":
        sampler = FrontSampler(stack, budgets, seed)
        return Extension(stack, sampler, first, distributions, trials >= len(stack.points))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return Search(stack, _SAMPLERS[name](seed), first, distributions, seed, budgets)


def make_distributions(space: Space) -> dict[str, BaseDistribution]:
    """Optuna's view of a space: ordered if the choices are evenly spaced."""
    return {stored_name(name): _distribution(choices) for name, choices in space.items()}


def _distribution(choices: Choices) -> BaseDistribution:
    values = choices.values
    steps = {round(after - before, 9) for before, after in pairwise(values)}
    if len(steps) != 1:
        return CategoricalDistribution(values)
    step = steps.pop()
    if all(isinstance(value, int) for value in values):
        return IntDistribution(int(values[0]), int(values[-1]), step=int(step))
    return FloatDistribution(values[0], values[-1], step=step)


def _ask_for(
    study: optuna.Study, points: Sequence[Point], distributions: dict[str, BaseDistribution]
) -> Proposal:
    """Ask for the first point that no other worker is about to take."""
    sampler = _FirstFree(points)
    trial = ask(study, sampler, distributions)
    return Proposal(trial, dict(sampler.point))


def _point_of(trial: optuna.Trial, stack: Stack) -> Point:
    """The point of a trial; an enqueued one may be invalid, and stays as it is."""
    try:
        return stack.canonical(by_whole_names(trial.params))
    except RefusedError:
        return by_whole_names(trial.params)


class _FirstFree(PointSampler):
    """Samples one point of a list, so that every trial is stored the same way."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = points

    def choose(self, study: optuna.Study, trial: FrozenTrial) -> Point:
        """Skip what other workers have chosen or, judging by their trials' numbers, will choose.

        A worker's claim comes after its trial, and all that choose until then find the same list.
        """
        names = self._points[0].keys()
        running = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
        others = [each for each in running if each.number < trial.number]
        points = [by_whole_names(each.params) for each in others]
        chosen = [point for point in points if point.keys() == names]
        near = self._points[: len(others) + 1]
        free = [point for point in near if point not in chosen] or near
        return free[(len(others) - len(chosen)) % len(free)]


_SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "nsga2": lambda seed: optuna.samplers.NSGAIISampler(seed=seed),
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
}
