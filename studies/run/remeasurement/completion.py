"""Which points to measure again for a metric that the study was asked for after them.

A study keeps no pictures to compute it from: of few prompts a small grid, and that with losses. So
the points that matter are drawn again from their prompts and seeds, and what is new of them is
kept. Any other point stays without the metric, and cannot be inside a budget on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from storage.records.budgets import figure
from storage.records.judgement import bolder_point, judged_front, sure_answer
from storage.records.study import Study
from storage.records.trial import Trial


def lacked(trial: Trial, wanted: Sequence[str]) -> list[str]:
    """The metrics of some that nothing is known of at a point."""
    return [name for name in wanted if figure(trial.measurement, name) is None]


def to_complete(record: Study, wanted: Sequence[str]) -> list[Trial]:
    """The points that would be on the front, or be used, if they kept what is not known of them.

    What turns out to break a budget makes room for others, which are asked of then.

    Args:
        record: The study.
        wanted: The metrics that were asked for.
    """
    if not any(lacked(trial, wanted) for trial in record.trials):
        return []
    budgets = record.budgets
    hopeful = [
        trial
        for trial in record.trials
        if all(
            (known := figure(trial.judged, name)) is None or known.value <= most
            for name, most in budgets.conditions.items()
            if name in wanted
        )
    ]
    others = {name: most for name, most in budgets.conditions.items() if name not in wanted}
    lenient = replace(budgets, conditions=others)
    used = sure_answer(hopeful, lenient), bolder_point(hopeful, lenient)
    points = {each.number: each for each in (*judged_front(hopeful, lenient), *used) if each}
    return [trial for trial in points.values() if lacked(trial, wanted)]
