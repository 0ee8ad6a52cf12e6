"""Tasks made from the bounds of studies, such that a measured trial meets every one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, Decimal

from pydantic import ValidationError

from generator.bounds import is_searched, reach_text
from generator.tasks.task import Task
from storage.records.judgement import surest
from storage.records.study import Study

LEAST_SPEEDUP = 1.0
"""What is no faster than the baseline is no task."""


def make_tasks(studies: Iterable[Study], ratios: Sequence[float]) -> tuple[list[Task], list[str]]:
    """Ask each study's combination for shares of its bound.

    A wanted speedup is rounded down to two decimals, and lowered where no trial meets it by
    interval. Equal tasks are made once.

    Args:
        studies: Studies; their own loss budgets apply.
        ratios: Shares of the bound, above 0 and 1 at most.

    Returns:
        The tasks, and a line for each that was lowered or could not be made.
    """
    # A dict keeps each task once and in order.
    tasks: dict[Task, None] = {}
    told = []
    for study in studies:
        bound = study.bound
        sure = surest(study.trials, study.budgets)
        if bound is None or sure is None:
            told.append(
                f"{study.name}: no task, because no point keeps the loss budget of "
                f"{study.loss_budget:.1%} with its whole interval"
                + ("" if is_searched(study) else f" yet; {reach_text(study)}")
            )
            continue
        most = _rounded_down(sure.judged.speedup_ci[0])
        for ratio in ratios:
            wanted = _rounded_down(ratio * bound.judged_speedup)
            of_bound = f"{ratio:g} of the bound {bound.judged_speedup:.2f}x"
            asked = f"{study.name}: {of_bound} is {wanted:.2f}x"
            if wanted > most:
                asked += (
                    f", lowered to {most:.2f}x, which trial {sure.number} meets by its interval"
                )
            speedup = min(wanted, most)
            if speedup <= LEAST_SPEEDUP:
                told.append(f"{asked}; no task, because that is not faster than the baseline")
                continue
            if wanted > most:
                told.append(asked)
            try:
                tasks[_task(study, speedup)] = None
            except ValidationError as error:
                told.append(f"{asked}; no task: {error.errors()[0]['msg']}")
    return list(tasks), told


def _task(study: Study, speedup: float) -> Task:
    return Task(**dict(study.combination), speedup=speedup, loss_budget=study.loss_budget)


def _rounded_down(speedup: float) -> float:
    """Two decimals, and never more than was given; through text, as 2.3 * 100 is below 230."""
    return float(Decimal(repr(speedup)).quantize(Decimal("0.01"), ROUND_DOWN))
