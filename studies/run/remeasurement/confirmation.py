"""Which points to measure on prompts that the search did not see.

The best of many points was lucky too: on the prompts that chose it, it looks better than it is. On
others it has no luck left. Pictures are spent where they decide: on points that would be a faster
answer than the study has, if they turned out to be inside the budgets. After each confirmation the
question is asked anew; it is settled once no such point is left, or all room is taken.
`benchmarks/search/answers/` holds this rule against others.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from storage.records.budgets import Budgets
from storage.records.judgement import LEAST_SPEEDUP, sure_answer
from storage.records.trial import Trial

SHARE = 0.15
"""Confirming takes at most this share of the trials of the search, and one at least."""

MOST = 8
"""Nobody waits for more; each costs a trial."""

OPEN = 0.5
"""A point that breaks the budgets more likely than not is left: it seldom becomes sure of them."""

WORTH = 1.01
"""A point that is hardly faster than the answer is not worth a trial."""


def to_confirm(
    trials: Sequence[Trial], budgets: Budgets, failed: Container[int] = ()
) -> list[Trial]:
    """The points that may become a faster answer, the likeliest first, while there is room.

    The likeliest one raises the answer soonest, and with it what is worth a look.

    Args:
        trials: A study's points.
        budgets: What is allowed.
        failed: Numbers of the points whose confirmation failed: they leave their room to others.
    """
    answer = sure_answer(trials, budgets)
    enough = LEAST_SPEEDUP if answer is None else WORTH * answer.judged_speedup
    rivals = [
        (chance, trial)
        for trial in trials
        if trial.confirmed is None and trial.number not in failed and trial.speedup > enough
        if (chance := trial.chance_inside(budgets)) >= OPEN
    ]
    rivals.sort(key=lambda rival: (-rival[0], -rival[1].speedup))
    return [trial for _, trial in rivals[: room_to_confirm(trials, len(trials))]]


def room_to_confirm(trials: Sequence[Trial], wanted: int) -> int:
    """How many points may still be confirmed of a study that will have so many in all.

    Args:
        trials: A study's points.
        wanted: How many there are to be.
    """
    confirmed = sum(trial.confirmed is not None for trial in trials)
    return max(0, min(MOST, max(1, int(SHARE * wanted))) - confirmed)
