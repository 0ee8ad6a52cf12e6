"""A recorded grid that can be searched again, as one of many truths that its prompts might tell."""

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
"""A search measures every point on so many, which is what `accelfront study` takes by default."""

PAIRS = 3
"""Pairs whose mean a trial's speedup is, at the least."""

REACH = 1.96
"""The interval of a speedup reaches so many standard deviations to either side: 95%."""

Columns = NDArray[np.int64]
"""Prompts, as columns of a table."""


class TruePoint(NamedTuple):
    """What a point is worth in truth."""

    speedup: float
    loss: float


class Outcome(NamedTuple):
    """What an answer is worth in truth.

    Attributes:
        verdict: `wrong` if it loses more than the budget; `none` if there was no answer.
        speed: Its true speedup as a share of the true bound, and the baseline's if there is none.
    """

    verdict: Literal["right", "wrong", "none"]
    speed: float

    @property
    def utility(self) -> float:
        """Its speed; nothing if it is wrong."""
        return 0.0 if self.verdict == "wrong" else self.speed


class Replay:
    """One table under one budget: a truth, and the sample of prompts that tells of it.

    As it is made, the recorded prompts are both: nothing errs. `redrawn` gives the truths on which
    searches and answers are judged.

    Attributes:
        table: What was recorded.
        stack: Its methods and their space.
        rows: The table's row of each point, by the point's key.
        budgets: What is allowed.
        population: The prompts that are the truth, as columns of the table, some of them repeated.
        sample: The prompts on which a search measures.
        truth: What every row is worth.
        volume: The hypervolume of the whole truth.
        bound: The greatest true speedup inside the budget, 1 if nothing is faster.
        noise: Standard deviation of log speedup from one measurement to the next.
        baseline_s: Seconds of a picture without acceleration.
        recorded: The replay as it was made, which all that are drawn from it share.
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
        """The same grid with another truth, as likely, of which a search sees a sample.

        The truth is a population that is drawn from the recorded prompts with repetition; what is
        measured is drawn from that in the same way. So a sample errs as one of countless prompts
        does, and no two seeds share a truth.

        Args:
            seed: Of the truth, the sample and all that is drawn later.
            prompts: How many the sample has.
        """
        # Tables share their prompts, and are to draw other ones of them.
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
        """So many other prompts of the truth, such as a confirmation takes; new ones each time."""
        return self.random.choice(self.population, prompts)

    def measurement(self, row: int, prompts: Columns) -> Measurement:
        """Measure a point on some prompts, with the noise of a timing.

        Args:
            row: Of the table.
            prompts: `sample`, some of it, or what `fresh` gave.
        """
        speedup = self.timing(row)
        return made_measurement(speedup, self.loss(row, prompts), len(prompts), self.baseline_s)

    def timing(self, row: int) -> Estimate:
        """A point's speedup as it is measured once."""
        value = float(self.speedup[row] * np.exp(self.random.normal(0, self.noise)))
        factor = float(np.exp(REACH * self.noise))
        return Estimate(value, value / factor, value * factor)

    def loss(self, row: int, prompts: Columns) -> Estimate:
        """A point's loss as some prompts tell it."""
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
        """What the answer of a study is worth in truth."""
        if answer is None:
            return Outcome("none", 1 / self.bound)
        true = self.truth[self.row(answer.params)]
        is_inside = true.loss <= self.budgets.most_loss
        return Outcome("right" if is_inside else "wrong", true.speedup / self.bound)

    def share(self, rows: Sequence[int]) -> float:
        """The share of the true hypervolume that some points hold in truth; 1 of nothing."""
        if not self.volume:
            return 1.0
        return self._volume([self.truth[row] for row in rows]) / self.volume

    def fewest(self, share: float) -> int:
        """How few points hold so much of the hypervolume: what one who knew all would measure."""
        budget = self.budgets.most_loss
        front = pareto_front([p for p in self.truth if p.loss <= budget and p.speedup > 1])
        # The greatest area of so many points of which the n-th of the front is the last.
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
        """Take some prompts for the truth and others for what is seen of it."""
        self.population, self.sample, self.random = population, sample, random
        self._measure_truth()

    def _measure_truth(self) -> None:
        """Find out what there is to be found."""
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
    # A disturbed timing is timed again in a study, so it is the usual spread that counts.
    return float(np.median(spread) * np.sqrt(2 / PAIRS))
