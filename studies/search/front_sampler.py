"""The sampler behind `auto`: it learns what skipped work costs and gains, and extends the front."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from accel_space.errors import RefusedError
from accel_space.stack import Stack
from storage.reading.trials import measurements
from storage.records.budgets import CLIP_LOSS, Budgets, figure
from storage.records.measurement import Measurement
from storage.records.points import by_whole_names, point_key
from storage.records.trial import Point
from storage.study_store.attributes import DUPLICATE_OF
from studies.search.features import Matrix, loss_features, time_features
from studies.search.front_model import (
    QUANTILES,
    Belief,
    Surrogate,
    Vector,
    expected_fall,
    expected_gain,
)
from studies.search.point_sampler import PointSampler

STARTERS = 3
"""Points that come before the models are asked: the default, then always the one farthest off.
Among 2, 3 and 4, tried on the recorded grids (benchmarks/tables) with prompts drawn anew, 3 find
the front soonest."""

BEND = 0.04
"""The CLIP loss beyond which losses need less resolution, as all are hopeless: twice the default
loss budget. Among none, one budget and two, tried on the same grids, two find the front soonest.
For another metric it is twice the study's budget."""

LEAST_ERROR = 1e-3
"""Least error of the loss of a point that was given up, however well its few prompts agree."""

LEAST_SHARE = 0.02
"""Least share of the baseline's time: no prediction is faster than 50x."""

LEAST_KNOWN = 2
"""Points that a model needs; before that, every point may keep a budget."""

FEW = 3
"""Points inside the loss budget from which a front can be extended."""

RARE = 0.1
"""While fewer are inside, and the model expects a smaller share of all points there, the expected
gain is mostly luck and leads nowhere. Among a tenth, a fifth and any share, tried on the recorded
grids with prompts drawn anew, a tenth slows no search of a budget that many points keep."""

LUCK = (-4.0,)
"""If no point is likely to gain anything, those come first that would gain most with this luck."""


class Seen(NamedTuple):
    """What is known about a point.

    Attributes:
        speedup: Baseline latency / accelerated latency.
        loss: Its loss in the study's metric.
        excess: How far it exceeds each of the other budgets, by name; unknown ones are missing.
        is_allowed: Whether it keeps all of these budgets.
        error: Standard deviation of the loss; 0 for a point that was measured in full.
    """

    speedup: float
    loss: float
    excess: Mapping[str, float]
    is_allowed: bool
    error: float = 0.0


class FrontSampler(PointSampler):
    """Proposes the point that is expected to extend the front inside all budgets most.

    A gain over the baseline counts as no loss, so that no trial goes to slow points that may score
    better by chance. If hardly any point is inside, it first walks towards the least loss.

    A picture takes the time of the work that is left, so a few measured points give the speedup
    of all. A Gaussian process over the parameters learns the loss, and how far a point exceeds each
    other budget: a gain counts by the chance to keep it. Points that others measure now count as if
    they turned out as predicted, so that workers spread.

    Trials tell what is known about points, never which are free: a point that was given up may come
    back to be measured in full.

    Attributes:
        taken: Keys of the points that are not free, as the claims tell; at least one is free.
    """

    def __init__(self, stack: Stack, budgets: Budgets, seed: int) -> None:
        """Describe all points of the stack.

        Args:
            stack: The methods and their space.
            budgets: What is allowed.
            seed: Decides between points of equal worth.
        """
        self._stack = stack
        self._budgets = budgets
        self._random = np.random.default_rng(seed)
        self._points = stack.points
        self._index = {point_key(point): index for index, point in enumerate(self._points)}
        features = loss_features(stack)
        bend = BEND if budgets.loss == CLIP_LOSS else max(BEND, 2 * budgets.most_loss)
        self._loss = Surrogate(features, smoothness=1.5, bend=bend)
        self._excess = {name: Surrogate(features, smoothness=1.5) for name in budgets.conditions}
        self._time = Surrogate(time_features(stack), smoothness=2.5)
        self._starters = spread_out(features, self._index[point_key(stack.default)], STARTERS)
        self.taken: Collection[str] = ()

    def choose(self, study: optuna.Study, trial: FrozenTrial) -> Point:
        """The best point, or the next best ones for workers that choose at the same time."""
        measured, running, choosing = self._read(study, trial)
        taken = {self._index[key] for key in self.taken if key in self._index}
        begun = len(measured) >= 2 and len(measured.keys() | taken | running) >= STARTERS
        order = self._by_gain(measured, running - measured.keys()) if begun else self._starters
        free = [index for index in order if index not in taken]
        free = free or [index for index in range(len(self._points)) if index not in taken]
        # Points that others are about to claim come last; one of them may have died before.
        left = [index for index in free if index not in running] or free
        return self._points[left[min(choosing, len(left) - 1)]]

    def _by_gain(self, measured: dict[int, Seen], pending: set[int]) -> list[int]:
        """All points, the most promising first."""
        speedup, loss = self._believe(measured)
        predicted = loss.at(0)
        # The few prompts of a point that was given up make no part of a front.
        front = [
            (seen.speedup, seen.loss)
            for seen in measured.values()
            if seen.is_allowed and not seen.error
        ]
        kept = self._chance_to_keep(measured)
        front += [(speedup[i], predicted[i]) for i in pending if kept[i] >= 0.5]
        budget = self._budgets.most_loss
        gain, chance = (
            kept * expected_gain(speedup, loss, front, budget, standings)
            for standings in (QUANTILES, LUCK)
        )
        hope = kept * (speedup > 1)
        inside = sum(s > 1 and found <= budget for s, found in front)
        if inside < FEW and np.mean(hope * loss.chance_below(budget)) < RARE:
            least = min((found for s, found in front if s > 1), default=budget)
            gain = hope * expected_fall(loss, max(least, budget))
        order: list[int] = np.lexsort((self._random.random(len(gain)), -chance, -gain)).tolist()
        return order

    def _believe(self, measured: dict[int, Seen]) -> tuple[Vector, Belief]:
        """Predict speedup and loss of every point."""
        known = list(measured)
        seen = measured.values()
        speedups, losses, errors = (
            np.array([getattr(each, name) for each in seen])
            for name in ("speedup", "loss", "error")
        )
        share = self._time.predict(known, 1 / speedups).at(0)
        return 1 / np.clip(share, LEAST_SHARE, None), self._loss.predict(known, losses, errors)

    def _chance_to_keep(self, measured: dict[int, Seen]) -> Vector:
        """The probability of every point to keep all budgets except that of the loss."""
        chance = np.ones(len(self._points))
        for name, surrogate in self._excess.items():
            known = [index for index, seen in measured.items() if name in seen.excess]
            if len(known) < LEAST_KNOWN:
                continue
            excess = np.array([measured[index].excess[name] for index in known])
            chance *= surrogate.predict(known, excess).chance_below(0)
        return chance

    def _read(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> tuple[dict[int, Seen], set[int], int]:
        """Read the study's trials.

        Returns:
            What is known about points, in full or, for a point that was given up, in part; the
            points that others are measuring; how many earlier trials have no point yet.
        """
        full: dict[int, Seen] = {}
        partly: dict[int, Seen] = {}
        running = set()
        choosing = 0
        trials = study.get_trials(deepcopy=False)
        measured = measurements(trials)
        for each in trials:
            if each.number == trial.number or DUPLICATE_OF in each.user_attrs:
                continue
            if by_whole_names(each.params).keys() != self._stack.space.keys():
                choosing += each.state == TrialState.RUNNING and each.number < trial.number
                continue
            index = self._place(each)
            if index is None:
                continue
            # Results that others gave Optuna were not measured by accelfront; neither were those of
            # points that nobody claimed.
            claimed = point_key(self._points[index]) in self.taken
            known = measured.get(each.number)
            if each.state == TrialState.COMPLETE and claimed and known is not None:
                full.setdefault(index, self._seen(known, *each.values))
            elif each.state == TrialState.PRUNED and known is not None:
                partly[index] = self._partly(known)
            elif each.state == TrialState.RUNNING:
                running.add(index)
        return partly | full, running, choosing

    def _partly(self, known: Measurement) -> Seen:
        """The results of a point until it was given up.

        Its interval's low end is at least two deviations away; the high end, for the long tail
        of losses, says less about them.
        """
        loss = figure(known, self._budgets.loss)
        assert loss is not None  # A point that is given up has all metrics of its protocol.
        error = max(LEAST_ERROR, (loss.value - loss.low) / 2)
        return self._seen(known, known.speedup, loss.value, error)

    def _seen(self, known: Measurement, speedup: float, loss: float, error: float = 0.0) -> Seen:
        """The results of a measured trial; its constraints may be those of other budgets."""
        excess = {
            name: found.value - most
            for name, most in self._budgets.conditions.items()
            if (found := figure(known, name)) is not None
        }
        return Seen(speedup, loss, excess, self._budgets.allow(known), error)

    def _place(self, trial: FrozenTrial) -> int | None:
        """The index of a trial's point; None if it has none, as others add what they like."""
        try:
            point = self._stack.canonical(by_whole_names(trial.params))
        except RefusedError:
            return None
        return self._index.get(point_key(point))


def spread_out(features: Matrix, first: int, count: int) -> Sequence[int]:
    """Choose rows that cover a space early: the first, then always the farthest from all before.

    Args:
        features: Shape (points, features).
        first: The row to begin with.
        count: How many rows at most.
    """
    order = [first]
    distance = np.full(len(features), np.inf)
    while len(order) < min(count, len(features)):
        distance = np.minimum(distance, ((features - features[order[-1]]) ** 2).sum(axis=1))
        distance[order] = -1
        order.append(int(distance.argmax()))
    return order
