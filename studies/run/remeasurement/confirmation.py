"""Which points to measure on prompts that the search did not see.

The best of many points was lucky too: on the prompts that chose it, it looks better than it is. On
others it has no luck left.
"""

from __future__ import annotations

from collections.abc import Sequence

from storage.records.budgets import Budgets
from storage.records.front import pareto_front
from storage.records.judgement import judged_bound
from storage.records.trial import Trial

MOST = 8
"""Nobody chooses among more; each costs a trial."""

SHARE = 0.25
"""Confirming takes at most this share of the trials of the search, and one at least."""

MOST_BEYOND = 4
"""After those a run confirms at most so many more, until the judged best is a confirmed one."""


def to_confirm(trials: Sequence[Trial], budgets: Budgets) -> list[Trial]:
    """The points of the search's front that are still to be confirmed, in the order of choice.

    Args:
        trials: A study's points.
        budgets: What is allowed.
    """
    wanted = _in_order(trials, budgets)[: how_many(len(trials))]
    return [trial for trial in wanted if trial.confirmed is None]


def unsure_best(trials: Sequence[Trial], budgets: Budgets) -> Trial | None:
    """The point that is judged the best and was not confirmed; None if it was, or if none is.

    Confirmations that fall leave such a one: what is compared with them is a measurement that had
    luck, and perhaps lay behind the search's front.
    """
    best = judged_bound(trials, budgets)
    return best if best is not None and best.confirmed is None else None


def left_to_confirm(trials: Sequence[Trial], wanted: int, budgets: Budgets) -> int:
    """How many confirmations are to come once a search has all points, as far as can be told now.

    Args:
        trials: A study's points.
        wanted: How many there are to be.
        budgets: What is allowed.
    """
    most = how_many(wanted)
    best = _in_order(trials, budgets)[:most]
    return most - sum(trial.confirmed is not None for trial in best)


def _in_order(trials: Sequence[Trial], budgets: Budgets) -> list[Trial]:
    """The points of the search's front that may be inside the budgets.

    First come those inside by their means, fastest first, as a choice goes through them; then the
    others, the nearest first.
    """
    allowed = [trial for trial in trials if budgets.allow(trial.measurement)]
    possible = [
        trial
        for trial in pareto_front(allowed)
        if trial.measurement.clip_loss_ci[0] <= budgets.clip_loss
    ]
    inside = [trial for trial in possible if trial.clip_loss <= budgets.clip_loss]
    # The front is fastest first, and so the greatest loss first.
    beyond = [trial for trial in possible if trial.clip_loss > budgets.clip_loss][::-1]
    return inside + beyond


def how_many(points: int) -> int:
    """How many points at most are confirmed of a study of so many."""
    return min(MOST, max(1, int(SHARE * points)))
