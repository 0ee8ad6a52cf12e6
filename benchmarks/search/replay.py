"""A recorded grid that can be searched again, as one of many truths that its prompts allow."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Literal, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from accel_space.stack import Stack
from benchmarks.search.step_times import TIMES, Times, find_times, fit_times, table_context
from benchmarks.shared.grid_table import GridTable, load_table
from benchmarks.shared.made_measurement import made_measurement
from objectives.statistics import Estimate, relative_loss
from storage.records.budgets import Budgets
from storage.records.combination import Combination
from storage.records.environment import Environment
from storage.records.front import best_inside, hypervolume, least_loss, pareto_front
from storage.records.measurement import Measurement
from storage.records.points import point_key
from storage.records.protocol import Protocol
from storage.records.study import Space, Study
from storage.records.trial import Point, Trial

PROMPTS = 32
"""Prompts on which a search measures every point, the default of `accelfront study`."""

PAIRS = 3
"""Least number of pairs whose mean is a trial's speedup."""

REACH = 1.96
"""Standard deviations that the interval of a speedup reaches to either side: 95%."""

Columns = NDArray[np.int64]
"""Prompts, as columns of a table."""


class TruePoint(NamedTuple):
    """The true value of a point."""

    speedup: float
    loss: float


class Outcome(NamedTuple):
    """The true value of an answer.

    Attributes:
        verdict: `wrong` if it loses more than the budget; `none` if there was no answer.
        speed: Its true speedup as a share of the true bound; without an answer the baseline's.
    """

    verdict: Literal["right", "wrong", "none"]
    speed: float

    @property
    def utility(self) -> float:
        """Its speed; nothing if it is wrong."""
        return 0.0 if self.verdict == "wrong" else self.speed


class Replay:
    """One table under one budget: a truth, and the sample of prompts that shows it.

    At first the recorded prompts are both, so nothing errs. `redrawn` gives the truths on which
    searches and answers are judged.

    Attributes:
        table: The recorded grid.
        stack: Its methods and their space.
        rows: The table's row of each point, by the point's key.
        budgets: What is allowed.
        population: The prompts that are the truth, as columns of the table, some of them repeated.
        sample: The prompts on which a search measures.
        truth: The true value of every row.
        volume: The hypervolume of the whole truth.
        bound: The greatest true speedup inside the budget, 1 if nothing is faster.
        noise: Standard deviation of log speedup from one measurement to the next.
        baseline_s: Seconds of a picture without acceleration.
        recorded: The replay before any redrawing, which all redrawn ones share.
    """

    def __init__(self, path: Path, loss_budget: float) -> None:
        """Read a table.

        Args:
            path: A table that holds every point of its space.
            loss_budget: The greatest CLIP loss allowed.
        """
        self.table = table = load_table(path)
        self.name = table.name
        self.budgets = Budgets(loss_budget)
        self.stack = Stack(table_context(table))
        self.rows = {key: row for row, key in enumerate(table.keys)}
        self.times = _times(self.stack, path, table)
        self.noise = _noise(self.times.table)
        self.baseline_s = float(np.median(self.times.table.baseline_latency_s))
        self.speedup = self._fitted(self.times)
        self.recorded = self
        everything = np.arange(len(table.baseline_scores))
        self._judge(everything, everything, np.random.default_rng(0))

    def redrawn(self, seed: int, prompts: int = PROMPTS) -> Replay:
        """The same grid with another, equally likely truth, and a sample of it for a search.

        The truth is a population drawn from the recorded prompts with repetition, and the sample is
        drawn from that in the same way. So a sample errs like any sample of countless prompts,
        and no two seeds share a truth.

        Args:
            seed: Seed of the truth, the sample and everything drawn later.
            prompts: How many the sample has.
        """
        # Tables share their prompts, and should draw different ones.
        random = np.random.default_rng((seed, crc32(self.name.encode())))
        count = len(self.table.baseline_scores)
        population = random.integers(count, size=count)
        other = copy(self)
        other._judge(population, random.choice(population, prompts), random)
        return other

    def under(self, loss_budget: float) -> Replay:
        """The same truth and sample under another budget."""
        other = copy(self)
        other.budgets = Budgets(loss_budget)
        other._measure_truth()
        return other

    def fresh(self, prompts: int) -> Columns:
        """Other prompts of the truth, as for a confirmation; new ones each time."""
        return self.random.choice(self.population, prompts)

    def measurement(self, row: int, prompts: Columns) -> Measurement:
        """Measure a point on some prompts, with the noise of a timing.

        Args:
            row: The point's row in the table.
            prompts: `sample`, a part of it, or the result of `fresh`.
        """
        speedup = self.timing(row)
        return made_measurement(speedup, self.loss(row, prompts), len(prompts), self.baseline_s)

    def timing(self, row: int) -> Estimate:
        """A point's speedup in a single measurement."""
        value = float(self.speedup[row] * np.exp(self.random.normal(0, self.noise)))
        factor = float(np.exp(REACH * self.noise))
        return Estimate(value, value / factor, value * factor)

    def loss(self, row: int, prompts: Columns) -> Estimate:
        """A point's loss by some prompts."""
        return relative_loss(*self.scores(row, prompts))

    def scores(self, row: int, prompts: Columns) -> tuple[list[float], list[float]]:
        """The baseline's scores on some prompts, and the point's."""
        baseline = self.table.baseline_scores[prompts]
        return baseline.tolist(), self.table.scores[row, prompts].tolist()

    def row(self, point: Point) -> int:
        """The row of a point."""
        return self.rows[point_key(point)]

    def study(self, trials: Sequence[Trial]) -> Study:
        """The study that would hold these points."""
        about = self.table.about
        combination = Combination.model_validate(about["combination"])
        points = len(self.rows)
        return Study(
            name=combination.name,
            combination=combination,
            protocol=Protocol.model_validate(about["protocol"]),
            environment=Environment.model_validate(about["environment"]),
            space=Space(distinct=points, grid=points, choices={}),
            budgets=self.budgets,
            trials=list(trials),
            states={"COMPLETE": len(trials)},
        )

    def outcome(self, answer: Trial | None) -> Outcome:
        """The true value of a study's answer."""
        if answer is None:
            return Outcome("none", 1 / self.bound)
        true = self.truth[self.row(answer.params)]
        is_inside = true.loss <= self.budgets.most_loss
        return Outcome("right" if is_inside else "wrong", true.speedup / self.bound)

    def share(self, rows: Sequence[int]) -> float:
        """The share of the true hypervolume that some points hold in truth; 1 if it is empty."""
        if not self.volume:
            return 1.0
        return self._volume([self.truth[row] for row in rows]) / self.volume

    def fewest(self, share: float) -> int:
        """The fewest points that hold this share of the hypervolume, with the truth known."""
        budget = self.budgets.most_loss
        front = pareto_front([p for p in self.truth if p.loss <= budget and p.speedup > 1])
        # The greatest area of this many points that end with the n-th of the front.
        losses = [max(point.loss, least_loss(budget)) for point in front]
        gains = [point.speedup - 1 for point in front]
        areas = [gain * (budget - loss) for gain, loss in zip(gains, losses, strict=True)]
        count = 1
        while max(areas) < share * self.volume:
            areas = [
                max((areas[m] + gain * (losses[m] - losses[n]) for m in range(n)), default=0.0)
                for n, gain in enumerate(gains)
            ]
            count += 1
        return count

    def _judge(self, population: Columns, sample: Columns, random: np.random.Generator) -> None:
        """Take some prompts for the truth and others for the sample."""
        self.population, self.sample, self.random = population, sample, random
        self._measure_truth()

    def _measure_truth(self) -> None:
        """Compute the true front, bound and hypervolume."""
        scores = self.table.scores[:, self.population].astype(float).mean(axis=1)
        baseline = self.table.baseline_scores[self.population].astype(float).mean()
        losses = (1 - scores / baseline).tolist()
        self.truth = [TruePoint(*each) for each in zip(self.speedup.tolist(), losses, strict=True)]
        self.volume = self._volume(self.truth)
        best = best_inside(self.truth, self.budgets.most_loss)
        self.bound = max(1.0, best.speedup) if best else 1.0

    def _volume(self, points: Sequence[TruePoint]) -> float:
        return hypervolume(points, self.budgets.most_loss)

    def _fitted(self, times: Times) -> NDArray[np.float64]:
        """The speedup of each row."""
        speedup: NDArray[np.float64] = np.empty(len(self.rows))
        for point, share in zip(self.stack.points, times.share, strict=True):
            speedup[self.row(point)] = 1 / share
        return speedup


def _times(stack: Stack, path: Path, table: GridTable) -> Times:
    """The time of every point: from the table's own latencies, or from points timed elsewhere."""
    if table.is_timed:
        return fit_times(stack, path, stack)
    combination = Combination.model_validate(table.about["combination"])
    timed = find_times(combination.method_names, combination.pipeline)
    if timed is None:
        raise FileNotFoundError(
            f"{TIMES} holds no timed points of {combination.method_names}; see step_times.py"
        )
    return fit_times(Stack(table_context(load_table(timed))), timed, stack)


def _noise(table: GridTable) -> float:
    """Standard deviation of log speedup from one measurement to the next."""
    spread = np.log(table.latency_s).std(axis=1, ddof=1)
    # A study times a disturbed point again, so the usual spread counts.
    return float(np.median(spread) * np.sqrt(2 / PAIRS))
