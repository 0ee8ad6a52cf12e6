"""Which points to measure again for a metric that was requested after they were measured.

A study keeps no pictures to compute it from, only a small lossy grid of a few prompts. So the
pictures of the points that matter are generated again from their prompts and seeds, and the new
metrics are kept. Any other point stays without the metric, and cannot be inside a budget on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from storage.records.budgets import figure
from storage.records.judgement import bolder_point, judged_front, sure_answer
from storage.records.study import Study
from storage.records.trial import Trial


def lacked(trial: Trial, wanted: Sequence[str]) -> list[str]:
    """Return the wanted metrics that a point lacks."""
    return [name for name in wanted if figure(trial.measurement, name) is None]


def to_complete(record: Study, wanted: Sequence[str]) -> list[Trial]:
    """Return the points that would be on the front, or be used, if they kept all unknown budgets.

    A point that turns out to break a budget makes room for others, which are completed next.

    Args:
        record: The study.
        wanted: The requested metrics.
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
