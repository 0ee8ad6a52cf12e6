"""When to stop: a study that has done enough, and a point that is not worth more prompts.

Screening measures few prompts first, and more only for points that may be worth them. A check costs
nothing but what it may get wrong, and every check may: at 95% each, one check in twenty drops a
good point. So a point's checks share one chance of error, and are few, each with twice the prompts
of the last.
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
"""A search that measured this many points in a run without gain has found what it will find."""

PLATEAU_GAIN = 0.001
"""The relative growth of the hypervolume that counts as a gain."""

MAX_FRUITLESS = 20
"""So many proposals in a row may come to nothing while the study stands still. A search that works
brings an unseen point after six at most (`samplers.MAX_REPEATS`)."""


ERROR = 0.05
"""A point's chance to be dropped although it deserved better, over all checks together: what the
interval of a point that is measured in full has too."""

DOUBT = 0.5
"""A rival is taken for worse than it was measured, by this share of the way to its intervals' far
ends: about one standard deviation. The rivals of a search are the luckiest of its points: taken
as measured, they may cost a third of the true front (benchmarks/search/screening.py)."""

FIRST_CHECK = 2
"""Batches before the first check: one that warms up and is scored, one that is timed."""


@dataclass
class Standstill:
    """Ends a run whose proposals come to nothing, whoever proposes.

    A proposal that another worker was first to take is no such one, as the study went on with it.
    """

    taken: frozenset[str] = frozenset()
    fruitless: int = 0

    def note(self, proposed: str, taken: Collection[str]) -> None:
        """Count a proposal of which no measurement came.

        Args:
            proposed: The point, for people.
            taken: Keys of all points that are measured or under way now.

        Raises:
            StudyFailedError: If it was one too many.
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
        """A point is measured: the study goes on."""
        self.fruitless = 0


@dataclass
class Plateau:
    """Watches the hypervolume of a run."""

    budgets: Budgets
    best: float = -1.0
    best_at: int = 0

    def reached(self, trials: Sequence[Trial]) -> bool:
        """Whether the hypervolume stopped growing in this run, from all points measured so far."""
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
        """Whether the time is up."""
        return self.timeout_s is not None and time.monotonic() - self.start >= self.timeout_s


def checks(batches: int) -> list[int]:
    """After how many batches a point is checked: 2, 4, 8 and so on, never after the last.

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
    """How sure the intervals of one check must be, so that all checks err at most by `ERROR`.

    By Bonferroni: chances of error add up at worst, however much checks have in common. One errs
    if the speedup lies above its interval or a loss below its own; each interval leaves half of
    its share on that side.

    Args:
        batches: Of a trial in full.
        conditions: How many losses a check looks at beside that of the study.
    """
    return 1 - ERROR / max(1, len(checks(batches))) / (1 + conditions / 2)


class Rival(NamedTuple):
    """What a measured point is surely worth, or nearly so."""

    speedup: float
    loss: float

    @classmethod
    def of(cls, trial: Trial) -> Rival:
        """A point at the worse end of what it may well be (`DOUBT`)."""
        known = trial.measurement
        slowest, most = known.speedup_ci[0], trial.lost(known).high
        return cls(
            trial.speedup ** (1 - DOUBT) * slowest**DOUBT,
            trial.loss + DOUBT * (most - trial.loss),
        )


def is_hopeless(
    speedup: Estimate, loss: Estimate, front: Sequence[Trial], loss_budget: float
) -> bool:
    """Whether more prompts for a point would be wasted.

    They would if a point of the front, though doubted, beats even its optimistic end, the high end
    of the speedup with the low end of the loss, a gain taken for no loss. They would too if it
    surely breaks the loss budget, and a point of the front loses no more: then it is neither on the
    front inside the budget nor a step towards it.

    Args:
        speedup: The speedup so far.
        loss: The loss so far.
        front: Points that were measured in full and that none of them beats.
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
    """Whether a point surely breaks a condition, and so is on no front, where another one is.

    Args:
        lows: By the budget's name the least that a figure can be; None where it is not known.
        front: Points that meet all conditions; without any, all that is learned is a step.
        budgets: What is allowed.
    """
    limits = budgets.conditions.items()
    return bool(front) and any(
        (low := lows.get(name)) is not None and low > most for name, most in limits
    )


def usual_spread(trials: Sequence[Trial]) -> Spread:
    """How far the pairs of a study's trials scatter."""
    spreads = (
        Spread.of(trial.measurement.baseline_latencies_s, trial.measurement.latencies_s)
        for trial in trials
    )
    return sum(spreads, start=Spread())


def early_estimates(
    partial: Partial, usual: Spread, sure: float, losses: Iterable[str]
) -> Estimates:
    """Speedup and losses so far, with intervals that few pairs and prompts do not flatter.

    Args:
        partial: What was measured so far.
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
        front: The front of them.
        budgets: What is allowed.
    """

    trials: Sequence[Trial]
    front: Sequence[Trial]
    budgets: Budgets

    def __call__(self, partial: Partial) -> Estimates | None:
        """The estimates on which a point is to be dropped; None if it goes on."""
        if partial.batches not in checks(partial.of_batches):
            return None
        budgets = self.budgets
        losses = [name for name in budgets.limits() if name != MEMORY]
        sure = confidence(partial.of_batches, len(losses) - 1)
        found = early_estimates(partial, usual_spread(self.trials), sure, losses)
        # A metric that no picture tells of yet says nothing, as does the loss of the study then.
        lows = {name: each.low for name, each in found.losses.items()}
        loss = found.losses.get(budgets.loss)
        hopeless = loss is not None and is_hopeless(
            found.speedup, loss, self.front, budgets.most_loss
        )
        breaks = breaks_condition({MEMORY: partial.peak_memory_mib, **lows}, self.front, budgets)
        return found if hopeless or breaks else None
