"""Tasks made from the answers of studies, so that a measured trial meets each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, Decimal

from pydantic import ValidationError

from generator.bounds import is_searched, reach_text
from generator.tasks.task import Task
from generator.tasks.writing import asked_limits
from objectives.settings.measured import settings_of
from storage.records.judgement import LEAST_SPEEDUP, surest
from storage.records.study import Study
from storage.records.trial import Trial


def make_tasks(studies: Iterable[Study], ratios: Sequence[float]) -> tuple[list[Task], list[str]]:
    """Ask each study's combination for shares of its answer.

    A wanted speedup is rounded down to two decimals, and lowered if no trial meets it by its
    interval. Equal tasks are made once.

    Args:
        studies: Studies; their own loss budgets apply.
        ratios: Shares of the answer's speedup, above 0 and 1 at most.

    Returns:
        The tasks; and a line for each study that needs a remark: why it has no task, which
        shares were lowered or left out, and its bolder point.
    """
    # A dict keeps each task once and in order.
    tasks: dict[Task, None] = {}
    told = []
    for study in studies:
        made, words = _tasks_of(study, ratios)
        tasks |= dict.fromkeys(made)
        if words:
            told.append(f"{study.name}: {'; '.join(words)}")
    return list(tasks), told


def _tasks_of(study: Study, ratios: Sequence[float]) -> tuple[list[Task], list[str]]:
    """The tasks of one study, and the remarks on them."""
    found = study.conclusion
    answer, sure = found.answer, surest(study.trials, study.budgets)
    if answer is None or sure is None:
        reach = [] if is_searched(study) else [reach_text(study)]
        return [], [f"no task: {found.in_words().removesuffix('.')}", *reach]
    words = [found.bolder_in_words] if found.bolder is not None else []
    most = _rounded_down(sure.judged.speedup_ci[0])
    wanted = {ratio: _rounded_down(ratio * answer.judged_speedup) for ratio in ratios}
    if most <= LEAST_SPEEDUP:
        unsure = f"no point is sure to be faster than {most:.2f}x, and a task asks for what is sure"
        return [], [f"no task of its answer {answer.judged_speedup:.2f}x: {unsure}", *words]
    slow = [ratio for ratio, speedup in wanted.items() if speedup <= LEAST_SPEEDUP]
    if slow:
        words.append(f"no task of {_shares(slow, answer)}: that is not faster than the baseline")
    high = [ratio for ratio, speedup in wanted.items() if speedup > most]
    if high:
        by = f"which trial {sure.number} meets by its interval"
        words.append(f"{_shares(high, answer)} lowered to {most:.2f}x, {by}")
    try:
        return [
            _task(study, min(speedup, most))
            for speedup in wanted.values()
            if speedup > LEAST_SPEEDUP
        ], words
    except ValidationError as error:
        return [], [f"no task: {error.errors()[0]['msg'].removeprefix('Value error, ')}"]


def _shares(ratios: Sequence[float], answer: Trial) -> str:
    shares = " and ".join(f"{ratio:g}" for ratio in ratios)
    return f"{shares} of the answer {answer.judged_speedup:.2f}x"


def _task(study: Study, speedup: float) -> Task:
    return Task(
        **dict(study.combination),
        speedup=speedup,
        **asked_limits(study.budgets),
        settings=settings_of(study),
    )


def _rounded_down(speedup: float) -> float:
    """Two decimals, never more than the given value; through text, as 2.3 * 100 is below 230."""
    return float(Decimal(repr(speedup)).quantize(Decimal("0.01"), ROUND_DOWN))
