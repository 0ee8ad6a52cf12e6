"""When to stop: a study that has done enough, or a point that is not worth more prompts.

Screening measures few prompts first, and more only for points that may be worth them. The only cost
of a check is its errors: at 95% each, one check in twenty drops a good point. So a point's checks
share one chance of error, and they are few, each with twice the prompts of the last.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from objectives.measurement import Estimates, Partial
from objectives.statistics import Estimate, Spread, early_speedup
from storage.records.budgets import MEMORY, Budgets
from storage.records.front import hypervolume, is_dominated
from storage.records.trial import Trial
from studies.errors import StudyFailedError

PLATEAU_POINTS = 30
"""A search is over once a run has measured this many points without a gain."""

PLATEAU_GAIN = 0.001
"""The relative growth of the hypervolume that counts as a gain."""

MAX_FRUITLESS = 20
"""The most proposals in a row that may fail while the study stands still. A working search brings
an unseen point after six at most (`samplers.MAX_REPEATS`)."""


ERROR = 0.05
"""The chance that a good point is dropped, over all its checks together. The interval of a point
measured in full has the same chance of error."""

DOUBT = 0.5
"""A rival counts as worse than measured, by this share of the way to its intervals' far ends: about
one standard deviation. Rivals are the luckiest points of a search: taken as measured, they may cost
a third of the true front (benchmarks/search/screening.py)."""

FIRST_CHECK = 2
"""Batches before the first check: one for warm-up and score, one for time."""


@dataclass
class Standstill:
    """Ends a run whose proposals lead to no measurement, whatever the sampler.

    A proposal that another worker took first does not count, because the study progressed.
    """

    taken: frozenset[str] = frozenset()
    fruitless: int = 0

    def note(self, proposed: str, taken: Collection[str]) -> None:
        """Count a proposal that led to no measurement.

        Args:
            proposed: The point, for people.
            taken: Keys of all points that are measured or under way.

        Raises:
            StudyFailedError: If there were too many.
        """
        if self.taken != (now := frozenset(taken)):
            self.taken, self.fruitless = now, 0
        self.fruitless += 1
        if self.fruitless >= MAX_FRUITLESS:
            raise StudyFailedError(
                f"the study stands still: of {MAX_FRUITLESS} proposals in a row none could be "
                f"measured, the last one {proposed}; what was measured is kept, and the same "
                "command with another --sampler may go on"
            )

    def end(self) -> None:
        """Start counting afresh, because a point was measured."""
        self.fruitless = 0


@dataclass
class Plateau:
    """Watches the hypervolume of a run."""

    budgets: Budgets
    best: float = -1.0
    best_at: int = 0

    def reached(self, trials: Sequence[Trial]) -> bool:
        """Tell whether the hypervolume stopped growing, from all points measured so far."""
        allowed = [trial for trial in trials if self.budgets.allow(trial.measurement)]
        volume = hypervolume(allowed, self.budgets.most_loss)
        if volume > self.best * (1 + PLATEAU_GAIN) or self.best < 0:
            self.best, self.best_at = volume, len(trials)
        return len(trials) - self.best_at >= PLATEAU_POINTS


@dataclass
class Deadline:
    """A time after which no trial is started; None never comes."""

    timeout_s: float | None
    start: float = field(default_factory=time.monotonic)

    def passed(self) -> bool:
        """Tell whether the time is up."""
        return self.timeout_s is not None and time.monotonic() - self.start >= self.timeout_s


def checks(batches: int) -> list[int]:
    """Return after how many batches a point is checked: 2, 4, 8 and so on, never after the last.

    Args:
        batches: Of a trial in full.
    """
    numbers = []
    number = FIRST_CHECK
    while number < batches:
        numbers.append(number)
        number *= 2
    return numbers


def confidence(batches: int, conditions: int = 0) -> float:
    """Return the confidence of one check's intervals that keeps the error of all within `ERROR`.

    By Bonferroni: at worst, chances of error add up, however dependent the checks are. A check errs
    if the speedup lies above its interval or a loss below its own; each interval leaves half of its
    share on that side.

    Args:
        batches: Of a trial in full.
        conditions: How many losses a check looks at in addition to the study's own.
    """
    return 1 - ERROR / max(1, len(checks(batches))) / (1 + conditions / 2)


class Rival(NamedTuple):
    """What a measured point is worth, almost surely."""

    speedup: float
    loss: float

    @classmethod
    def of(cls, trial: Trial) -> Rival:
        """Return a point moved by `DOUBT` towards the worse ends of its intervals."""
        known = trial.measurement
        slowest, most = known.speedup_ci[0], trial.lost(known).high
        return cls(
            trial.speedup ** (1 - DOUBT) * slowest**DOUBT,
            trial.loss + DOUBT * (most - trial.loss),
        )


def is_hopeless(
    speedup: Estimate, loss: Estimate, front: Sequence[Trial], loss_budget: float
) -> bool:
    """Tell whether more prompts for a point would be wasted.

    They would be if a doubted point of the front beats even its optimistic end: the high end of the
    speedup with the low end of the loss, where a gain counts as no loss. They also would be if it
    surely breaks the loss budget and a point of the front loses no more: then it is neither on the
    front inside the budget nor a step towards it.

    Args:
        speedup: The speedup so far.
        loss: The loss so far.
        front: The front of the points that were measured in full.
        loss_budget: The greatest loss allowed.
    """
    rivals = [Rival.of(trial) for trial in front]
    if is_dominated(speedup.high, loss.low, rivals, loss_budget):
        return True
    breaks_budget = loss.low > loss_budget
    return breaks_budget and any(rival.loss <= loss.low for rival in rivals)


def breaks_condition(
    lows: Mapping[str, float | None], front: Sequence[Trial], budgets: Budgets
) -> bool:
    """Tell whether a point surely breaks a condition, while another point meets all.

    Args:
        lows: The least that each figure can be, by the budget's name; None if unknown.
        front: Points that meet all conditions; without any, every point teaches something.
        budgets: What is allowed.
    """
    limits = budgets.conditions.items()
    return bool(front) and any(
        (low := lows.get(name)) is not None and low > most for name, most in limits
    )


def usual_spread(trials: Sequence[Trial]) -> Spread:
    """Return how far the pairs of a study's trials scatter."""
    spreads = (
        Spread.of(trial.measurement.baseline_latencies_s, trial.measurement.latencies_s)
        for trial in trials
    )
    return sum(spreads, start=Spread())


def early_estimates(
    partial: Partial, usual: Spread, sure: float, losses: Iterable[str]
) -> Estimates:
    """Estimate speedup and losses so far, with intervals that are honest for few pairs and prompts.

    Args:
        partial: The measurement so far.
        usual: `usual_spread` of the study.
        sure: `confidence` of the trial.
        losses: The metrics to look at.
    """
    found = ((name, partial.loss(name, sure)) for name in losses)
    return Estimates(
        early_speedup(partial.baseline_latencies_s, partial.latencies_s, usual, sure),
        {name: loss for name, loss in found if loss is not None},
    )


@dataclass(frozen=True)
class Screen:
    """Checks the trials of a study while they run; a `Hopeless` of objectives/measurement.py.

    Attributes:
        trials: The points that were measured in full.
        front: The front of these points.
        budgets: What is allowed.
    """

    trials: Sequence[Trial]
    front: Sequence[Trial]
    budgets: Budgets

    def __call__(self, partial: Partial) -> Estimates | None:
        """Return the estimates because of which a point is dropped; None if it goes on."""
        if partial.batches not in checks(partial.of_batches):
            return None
        budgets = self.budgets
        losses = [name for name in budgets.limits() if name != MEMORY]
        sure = confidence(partial.of_batches, len(losses) - 1)
        found = early_estimates(partial, usual_spread(self.trials), sure, losses)
        # A metric without any picture yet says nothing, and so does the study's loss then.
        lows = {name: each.low for name, each in found.losses.items()}
        loss = found.losses.get(budgets.loss)
        hopeless = loss is not None and is_hopeless(
            found.speedup, loss, self.front, budgets.most_loss
        )
        breaks = breaks_condition({MEMORY: partial.peak_memory_mib, **lows}, self.front, budgets)
        return found if hopeless or breaks else None
