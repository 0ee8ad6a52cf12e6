"""Which points to measure on prompts that the search did not see.

The best of many points was lucky too: on the prompts that chose it, it looks better than it is. On
others it has no luck left.
"""

from __future__ import annotations

from collections.abc import Sequence

from storage.front import pareto_front
from storage.records import TrialRecord

MOST = 8
"""Nobody chooses among more; each costs a trial."""

SHARE = 0.25
"""Confirming takes at most this share of the trials of the search, and one at least."""


def to_confirm(trials: Sequence[TrialRecord], loss_budget: float) -> list[TrialRecord]:
    """The points that are still to be confirmed, the first to be chosen first.

    Those are points of the front whose loss may be inside the budget. First come those inside by
    their means, fastest first, as a choice goes through them; then the others, the nearest first.

    Args:
        trials: A study's points.
        loss_budget: The greatest CLIP loss allowed.
    """
    possible = [
        trial
        for trial in pareto_front(trials)
        if trial.measurement["clip_loss_ci"][0] <= loss_budget
    ]
    inside = [trial for trial in possible if trial.clip_loss <= loss_budget]
    # The front is fastest first, and so the greatest loss first.
    beyond = [trial for trial in possible if trial.clip_loss > loss_budget][::-1]
    return [
        trial for trial in (inside + beyond)[: how_many(len(trials))] if trial.confirmed is None
    ]


def how_many(points: int) -> int:
    """How many points at most are confirmed of a study of so many."""
    return min(MOST, max(1, int(SHARE * points)))
