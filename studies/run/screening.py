"""Screening: few prompts first, and more only for points that may be worth them.

A look costs nothing but what it may get wrong, and every look may: at 95% each, one look in twenty
drops a good point. So a point's looks share one chance of error, and are few, each with twice the
prompts of the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from objectives.measurement import Estimates, Partial
from objectives.statistics import Estimate, Spread, early_speedup, relative_loss
from storage.records.front import Scored, is_dominated
from storage.records.study import TrialRecord

ERROR = 0.05
"""A point's chance to be dropped although it deserved better, over all looks together: what the
interval of a point that is measured in full has too."""

FIRST_LOOK = 2
"""Batches before the first look: one that warms up and is scored, one that is timed."""


def looks(batches: int) -> list[int]:
    """After how many batches a point is looked at: 2, 4, 8 and so on, never after the last.

    Args:
        batches: Of a trial in full.
    """
    numbers = []
    number = FIRST_LOOK
    while number < batches:
        numbers.append(number)
        number *= 2
    return numbers


def confidence(batches: int) -> float:
    """How sure the intervals of one look must be, so that all looks err at most by `ERROR`.

    By Bonferroni: chances of error add up at worst, however much looks have in common. A look errs
    if the speedup lies above its interval or the loss below its own; each interval leaves half of
    its share on that side.
    """
    return 1 - ERROR / max(1, len(looks(batches)))


def is_hopeless(
    speedup: Estimate, clip_loss: Estimate, front: Sequence[Scored], loss_budget: float
) -> bool:
    """Whether more prompts for a point would be wasted.

    They would if a measured point beats even its optimistic end, the high end of the speedup with
    the low end of the loss, a gain taken for no loss. They would too if it surely breaks the loss
    budget, and a measured point loses no more: then it is neither on the front inside the budget
    nor a step towards it.

    Args:
        speedup: The speedup so far.
        clip_loss: The loss so far.
        front: Points that were measured in full.
        loss_budget: The greatest CLIP loss allowed.
    """
    if is_dominated(speedup.high, clip_loss.low, front, loss_budget):
        return True
    breaks_budget = clip_loss.low > loss_budget
    return breaks_budget and any(other.clip_loss <= clip_loss.low for other in front)


def usual_spread(trials: Sequence[TrialRecord]) -> Spread:
    """How far the pairs of a study's trials scatter."""
    spreads = (
        Spread.of(trial.measurement["baseline_latencies_s"], trial.measurement["latencies_s"])
        for trial in trials
    )
    return sum(spreads, start=Spread())


def early_estimates(partial: Partial, usual: Spread, sure: float) -> Estimates:
    """Speedup and loss so far, with intervals that few pairs and prompts do not flatter.

    Args:
        partial: What was measured so far.
        usual: `usual_spread` of the study.
        sure: `confidence` of the trial.
    """
    return (
        early_speedup(partial.baseline_latencies_s, partial.latencies_s, usual, sure),
        relative_loss(partial.baseline_scores, partial.scores, sure),
    )


@dataclass(frozen=True)
class Screen:
    """Looks at the trials of a study while they run; a `Hopeless` of objectives/measurement.py.

    Attributes:
        trials: The points that were measured in full.
        front: The front of them.
        loss_budget: The greatest CLIP loss allowed.
    """

    trials: Sequence[TrialRecord]
    front: Sequence[TrialRecord]
    loss_budget: float

    def __call__(self, partial: Partial) -> Estimates | None:
        """The estimates on which a point is to be dropped; None if it goes on."""
        if partial.batches not in looks(partial.of_batches):
            return None
        estimates = early_estimates(
            partial, usual_spread(self.trials), confidence(partial.of_batches)
        )
        return estimates if is_hopeless(*estimates, self.front, self.loss_budget) else None
