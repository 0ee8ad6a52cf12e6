"""Which points to measure on prompts that the search did not see.

The best of many points is partly lucky: it looks better than it is on the prompts that chose it.
Other prompts show it without that luck. Confirmations go where they decide: to points that would be
a faster answer than the study has, if they turned out to be inside the budgets. The choice is made
anew after each confirmation, and ends once no such point or no room is left.
`benchmarks/search/answers/` compares this rule with others.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from storage.records.budgets import Budgets
from storage.records.judgement import LEAST_SPEEDUP, sure_answer
from storage.records.trial import Trial

SHARE = 0.15
"""Confirmations take at most this share of the search's trials, but at least one trial."""

MOST = 8
"""The most confirmations: each costs a trial, and nobody waits for more."""

OPEN = 0.5
"""A point below this chance to keep the budgets is left out: it seldom becomes sure of them."""

WORTH = 1.01
"""A point must be this many times as fast as the answer to be worth a trial."""


def to_confirm(
    trials: Sequence[Trial], budgets: Budgets, failed: Container[int] = ()
) -> list[Trial]:
    """Return the points that may become a faster answer, the likeliest first, while there is room.

    The likeliest one raises the answer soonest, and so rules out the slower points soonest.

    Args:
        trials: A study's points.
        budgets: What is allowed.
        failed: Numbers of the points whose confirmation failed; others get their room.
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
    """Return how many points may still be confirmed in a study of `wanted` points.

    Args:
        trials: A study's points.
        wanted: How many points the study will have.
    """
    confirmed = sum(trial.confirmed is not None for trial in trials)
    return max(0, min(MOST, max(1, int(SHARE * wanted))) - confirmed)
