"""The one order in which measured points are compared for people, and in which they are chosen.

The best of many points was lucky too. So a point that was confirmed is judged by its confirmation,
on prompts that did not choose it, and any other one by what the search measured of it.

A search itself goes by its own figures (`Study.searched_front`), as those are of the same
prompts for all its points.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from storage.records.budgets import Budgets
from storage.records.front import best_inside, pareto_front
from storage.records.trial import Trial


class Judged(NamedTuple):
    """A point by what it is judged by, as fronts and bounds compare it."""

    speedup: float
    clip_loss: float
    trial: Trial


def judged_front(trials: Iterable[Trial], budgets: Budgets) -> list[Trial]:
    """The points that no other one matches or beats in both objectives, fastest first.

    Points that break a condition take no part.
    """
    return [each.trial for each in pareto_front(_judged(trials, budgets))]


def judged_bound(trials: Iterable[Trial], budgets: Budgets) -> Trial | None:
    """The fastest point inside all budgets by its means, or None if there is none."""
    best = best_inside(_judged(trials, budgets), budgets.clip_loss)
    return None if best is None else best.trial


def surest(trials: Sequence[Trial], budgets: Budgets) -> Trial | None:
    """The point that meets the greatest wish by interval, as a choice of trial demands it.

    Of the points that keep all budgets with their whole intervals, it is the one whose speedup has
    the greatest low end; None if no point keeps the budgets so.
    """
    keeping = [trial for trial in trials if budgets.surely_keep(trial.judged)]
    return max(keeping, key=lambda trial: trial.judged.speedup_ci[0], default=None)


def _judged(trials: Iterable[Trial], budgets: Budgets) -> list[Judged]:
    return [
        Judged(trial.judged_speedup, trial.judged_loss, trial)
        for trial in trials
        if budgets.allow(trial.judged)
    ]
