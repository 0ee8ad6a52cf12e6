"""The command that emits the script of one measured point."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import get_args

from pydantic import ValidationError

from generator.choice import Policy, Scope, by_trust, choose, serves
from generator.task import Task, task_sentence
from objectives.device import names_meant
from storage.records import StudyRecord, TrialRecord


def emitting_command(
    study: StudyRecord,
    trial: TrialRecord,
    studies: Sequence[StudyRecord],
    storage: str | None = None,
) -> str | None:
    """Write the `accelfront generate` command that emits the script of a point.

    It asks for what the point is judged by, as `generate` chooses by that.

    Args:
        study: The point's study.
        trial: The point.
        studies: All studies of the storage, or those of the study's combination.
        storage: The storage to name; None leaves it to the command's default.

    Returns:
        The command; None if every task that the point serves gets another one,
        as one of a study of more prompts, or if no task can ask for it.
    """
    task = _task_for(study, trial)
    if task is None or not serves(trial, task):
        return None
    scope = Scope(names_meant(study.device))
    usable = [
        other
        for other in studies
        if other.combination == study.combination and scope.why_not(other) is None
    ]
    for policy in get_args(Policy):
        choice = choose(by_trust(usable), task, policy)
        if choice is not None and (choice.study.name, choice.trial.number) == (
            study.name,
            trial.number,
        ):
            words = ["accelfront", "generate", task_sentence(task), "--device", study.device]
            if policy != "fastest":
                words += ["--policy", policy]
            if storage is not None:
                words += ["--storage", storage]
            return shlex.join(words)
    return None


def _task_for(study: StudyRecord, trial: TrialRecord) -> Task | None:
    """What asks for as much as a point is sure to give; None if no task can say it."""
    judged = trial.judged
    try:
        return Task(
            **study.combination,
            speedup=_rounded(judged["speedup_ci"][0], ROUND_FLOOR),
            loss_budget=_rounded(judged["clip_loss_ci"][1], ROUND_CEILING),
        )
    except ValidationError:
        return None


def _rounded(number: float, rounding: str) -> float:
    """Four decimals; through text, as 2.3 * 100 is below 230."""
    return float(Decimal(repr(float(number))).quantize(Decimal("0.0001"), rounding))
