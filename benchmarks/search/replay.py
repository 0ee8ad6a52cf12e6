"""A recorded grid that can be searched: proposals are answered from the table."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import optuna
from numpy.typing import NDArray

from accel_space.stack import Stack
from benchmarks.search.step_times import TIMES, Times, find_times, fit_times, table_context
from benchmarks.shared.grid_table import GridTable, load_table
from objectives.objective import MAX_PAIRS
from objectives.statistics import Estimate, relative_loss
from storage.records.budgets import Budgets
from storage.records.front import best_inside, hypervolume, least_loss, pareto_front
from storage.records.measurement import Measurement
from storage.records.points import point_key
from storage.study_store.attributes import MEASUREMENT, POINT
from studies.run.stopping import FIRST_CHECK, checks, confidence, is_hopeless
from studies.search.samplers import make_proposer

GivingUp = Literal["screened", "foreseen"]

SHARES = {"90%": 0.9, "95%": 0.95, "99%": 0.99}
"""Of the hypervolume."""

GOALS = (*SHARES, "bound", "requirement")

MOST = 120
"""Evaluations after which a search is given up."""

PAIRS = 3
"""Pairs whose mean a trial's speedup is, at the least."""

STUCK = 40
"""Proposals of known points in a row after which a sampler has nothing new to say."""

BATCH = 8
"""Prompts of a batch, as the protocol has them by default."""

SURE = 2.0
"""A speedup's interval reaches so many standard deviations to either side."""


class Point(NamedTuple):
    """What a front is made of."""

    speedup: float
    clip_loss: float


@dataclass
class Found:
    """What a search has found, and when.

    Attributes:
        prompts: The order in which prompts come, so that few of them err anew in each search.
        evaluations: Points paid for.
        seconds: What they cost to generate, their baseline batches included.
        reached: (evaluations, seconds) at which each goal was reached; None if it was not.
    """

    prompts: NDArray[np.int64]
    points: list[Point] = field(default_factory=list)
    evaluations: int = 0
    seconds: float = 0.0
    reached: dict[str, tuple[int, float] | None] = field(
        default_factory=lambda: dict.fromkeys(GOALS)
    )

    def done(self) -> bool:
        """Whether all goals are reached."""
        return None not in self.reached.values()


class Replay:
    """One table, ready to be searched."""

    def __init__(self, path: Path, loss_budget: float) -> None:
        """Read a table and find out what there is to be found in it.

        Args:
            path: A table that holds every point of its space.
            loss_budget: The greatest CLIP loss allowed.
        """
        table = load_table(path)
        self.name = table.name
        self.loss_budget = loss_budget
        self.stack = Stack(table_context(table))
        self.rows = {key: row for row, key in enumerate(table.keys)}
        self.times = None if table.is_timed else _times(self.stack, table)
        timed = self.times.table if self.times else table
        self.noise = _noise(timed)
        self.baseline_s = float(np.median(timed.baseline_latency_s))
        self.speedup = table.speedup if self.times is None else self._fitted(self.times)
        self._judge(table)

    def redrawn(self, seed: int) -> Replay:
        """The same grid, its prompts drawn anew with repetition: another truth, as likely."""
        count = len(self.table.baseline_scores)
        # Not the stream that the search draws from.
        prompts = np.random.default_rng((seed, 1)).integers(count, size=count)
        other = copy(self)
        other._judge(
            replace(
                self.table,
                scores=self.table.scores[:, prompts],
                baseline_scores=self.table.baseline_scores[prompts],
                similarity=self.table.similarity[:, prompts],
            )
        )
        return other

    def _judge(self, table: GridTable) -> None:
        """Take a table's losses for the truth."""
        self.table = table
        truth = zip(self.speedup.tolist(), table.clip_loss.tolist(), strict=True)
        self.truth = [Point(*each) for each in truth]
        self.volume = hypervolume(self.truth, self.loss_budget)
        best = best_inside(self.truth, self.loss_budget)
        self.bound = best.speedup if best else 1.0

    def _fitted(self, times: Times) -> NDArray[np.float64]:
        """The speedup of each row."""
        speedup: NDArray[np.float64] = np.empty(len(self.rows))
        for point, share in zip(self.stack.points, times.share, strict=True):
            speedup[self.rows[point_key(point)]] = 1 / share
        return speedup

    def fewest(self, share: float) -> int:
        """How few points hold so much of the hypervolume: what one who knew all would measure."""
        budget = self.loss_budget
        front = pareto_front([p for p in self.truth if p.clip_loss <= budget and p.speedup > 1])
        # The greatest area of so many points of which the n-th of the front is the last.
        losses = [max(point.clip_loss, least_loss(budget)) for point in front]
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

    def search(
        self, sampler: str, seed: int, pays: bool = False, giving_up: GivingUp | None = None
    ) -> Found:
        """Search until all goals are reached.

        Args:
            sampler: As `accelfront study --sampler` takes it.
            seed: Of the sampler and of the noise.
            pays: Pay again for a point that is proposed again.
            giving_up: `screened` gives hopeless points up early, as a study does; `foreseen` costs
                no more than a first check of a point that adds nothing to the front, and tells the
                sampler all the same: no screening that checks as late can save more.
        """
        random = np.random.default_rng(seed)
        study = optuna.create_study(directions=["maximize", "minimize"])
        proposer = make_proposer(sampler, self.stack, 1, seed, budgets=Budgets(self.loss_budget))
        known: dict[str, Point | None] = {}
        found = Found(prompts=random.permutation(len(self.table.baseline_scores)))
        repeats = 0
        while found.evaluations < MOST and repeats < STUCK and not found.done():
            proposal = proposer.propose(study, known.keys())
            if proposal is None:
                break
            key = point_key(proposal.point)
            if key in known:
                found.evaluations += pays
                repeats += 1
            else:
                repeats = 0
                known[key] = self._measure(proposal.trial, self.rows[key], random, giving_up, found)
            value = known[key]
            if value is None:
                study.tell(proposal.trial, state=optuna.trial.TrialState.PRUNED)
            else:
                loss = Estimate(value.clip_loss, value.clip_loss, value.clip_loss)
                kept = as_measured(value.speedup, loss, len(found.prompts), stopped_early=False)
                proposal.trial.set_user_attr(POINT, proposal.point)
                proposal.trial.set_user_attr(MEASUREMENT, kept)
                study.tell(proposal.trial, list(value))
        return found

    def _measure(
        self,
        trial: optuna.Trial,
        row: int,
        random: np.random.Generator,
        giving_up: GivingUp | None,
        found: Found,
    ) -> Point | None:
        """Answer from the table; None if the point is given up early."""
        true = self.truth[row]
        speedup = true.speedup * float(np.exp(random.normal(0, self.noise)))
        found.evaluations += 1
        batches = len(self.table.baseline_scores) // BATCH
        if giving_up == "screened":
            for number in checks(batches):
                faster, loss = self._estimates(
                    row, speedup, found.prompts[: number * BATCH], confidence(batches)
                )
                if is_hopeless(faster, loss, found.points, self.loss_budget):
                    found.seconds += self._cost(row, number)
                    partly = as_measured(faster.value, loss, number * BATCH, stopped_early=True)
                    trial.set_user_attr(MEASUREMENT, partly)
                    return None
        is_wasted = giving_up == "foreseen" and not self._adds(true, found)
        found.seconds += self._cost(row, FIRST_CHECK if is_wasted else batches)
        found.points.append(true)
        self._note(found)
        return Point(speedup, true.clip_loss)

    def _adds(self, point: Point, found: Found) -> bool:
        """Whether a point adds to the hypervolume of those found."""
        before = hypervolume(found.points, self.loss_budget)
        return hypervolume([*found.points, point], self.loss_budget) > before

    def _estimates(
        self, row: int, speedup: float, prompts: NDArray[np.int64], sure: float
    ) -> tuple[Estimate, Estimate]:
        """What a check of a point sees after some prompts."""
        factor = float(np.exp(SURE * self.noise))
        loss = relative_loss(
            self.table.baseline_scores[prompts].tolist(),
            self.table.scores[row][prompts].tolist(),
            sure,
        )
        return Estimate(speedup, speedup / factor, speedup * factor), loss

    def _cost(self, row: int, batches: int) -> float:
        """Seconds of generating: the batches, and a baseline batch beside each timed one."""
        accelerated = batches * self.baseline_s / self.truth[row].speedup
        baseline = min(batches - 1, MAX_PAIRS) * self.baseline_s
        return BATCH * (accelerated + baseline)

    def _note(self, found: Found) -> None:
        """Write down the goals that the last point reached."""
        share = hypervolume(found.points, self.loss_budget) / self.volume if self.volume else 1.0
        best = best_inside(found.points, self.loss_budget)
        fastest = best.speedup if best else 0.0
        now = {
            **{goal: share >= least for goal, least in SHARES.items()},
            "bound": fastest >= 0.99 * self.bound,
            "requirement": fastest >= 1 + 0.9 * (self.bound - 1),
        }
        for goal, reached in now.items():
            if reached and found.reached[goal] is None:
                found.reached[goal] = (found.evaluations, found.seconds)


def _times(stack: Stack, table: GridTable) -> Times:
    """The time of every point of a table of scores."""
    combination = table.about["combination"]
    methods = "+".join(combination["methods"])
    path = find_times(methods, combination["pipeline"])
    if path is None:
        raise FileNotFoundError(f"{TIMES} holds no timed points of {methods}; see step_times.py")
    return fit_times(Stack(table_context(load_table(path))), path, stack)


def _noise(table: GridTable) -> float:
    """Standard deviation of log speedup from one measurement to the next."""
    spread = np.log(table.latency_s).std(axis=1, ddof=1)
    # A disturbed timing is timed again in a study, so it is the usual spread that counts.
    return float(np.median(spread) * np.sqrt(2 / PAIRS))


def as_measured(
    speedup: float, loss: Estimate, samples: int, stopped_early: bool
) -> dict[str, Any]:
    """What a study keeps of a point, as far as samplers read it; all else stands for nothing."""
    return Measurement(
        speedup=speedup,
        speedup_ci=(speedup, speedup),
        clip_loss=loss.value,
        clip_loss_ci=(loss.low, loss.high),
        latency_s=1 / speedup,
        latency_ci_s=None,
        baseline_latency_s=1.0,
        latencies_s=(1 / speedup,),
        baseline_latencies_s=(1.0,),
        image_similarity=1.0,
        psnr_db=0.0,
        clip_score=1.0,
        baseline_clip_score=1.0,
        peak_memory_mib=None,
        device_shared=False,
        samples=samples,
        stopped_early=stopped_early,
        seconds={},
    ).as_json()
