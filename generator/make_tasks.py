"""Tasks made from the answers of studies, such that a measured trial meets every one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, Decimal

from pydantic import ValidationError

from generator.bounds import is_searched, reach_text
from generator.tasks.task import Task
from storage.records.judgement import LEAST_SPEEDUP, surest
from storage.records.study import Study


def make_tasks(studies: Iterable[Study], ratios: Sequence[float]) -> tuple[list[Task], list[str]]:
    """Ask each study's combination for shares of its answer.

    A wanted speedup is rounded down to two decimals, and lowered where no trial meets it by
    interval. Equal tasks are made once.

    Args:
        studies: Studies; their own loss budgets apply.
        ratios: Shares of the answer's speedup, above 0 and 1 at most.

    Returns:
        The tasks; and a line for each that was lowered or could not be made, and for each study
        with a bolder point.
    """
    # A dict keeps each task once and in order.
    tasks: dict[Task, None] = {}
    told = []
    for study in studies:
        conclusion = study.conclusion
        answer, sure = conclusion.answer, surest(study.trials, study.budgets)
        if answer is None or sure is None:
            told.append(
                f"{study.name}: no task: {conclusion.in_words()}"
                + ("" if is_searched(study) else f" So far {reach_text(study)}.")
            )
            continue
        if bolder := conclusion.bolder_in_words:
            told.append(f"{study.name}: {bolder}")
        most = _rounded_down(sure.judged.speedup_ci[0])
        for ratio in ratios:
            wanted = _rounded_down(ratio * answer.judged_speedup)
            of_answer = f"{ratio:g} of the answer {answer.judged_speedup:.2f}x"
            asked = f"{study.name}: {of_answer} is {wanted:.2f}x"
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
