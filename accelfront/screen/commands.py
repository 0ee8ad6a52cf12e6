"""The command that emits the script of one measured point."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple, get_args

from pydantic import ValidationError

from generator.choice import Policy, Scope, budgets_for, by_trust, choose, serves
from generator.tasks.task import Task, task_sentence
from objectives.timing.device import names_meant
from storage.records.budgets import Budgets
from storage.records.combination import Combination
from storage.records.front import pareto_front
from storage.records.study import Study
from storage.records.trial import Trial


class Commands:
    """Writes the `accelfront generate` commands that emit the scripts of a storage's points."""

    def __init__(self, studies: Iterable[Study], storage: str | None = None) -> None:
        """Take in what `generate` would choose from.

        Args:
            studies: All studies of the storage, or those of the combinations asked for.
            storage: The storage to name; None leaves it to the command's default.
        """
        self._storage = storage
        self._alike: dict[Combination, list[Study]] = {}
        for study in studies:
            self._alike.setdefault(study.combination, []).append(study)
        self._before: dict[tuple[Combination, str], dict[str, list[Trial]]] = {}

    def of(self, study: Study, trial: Trial) -> str | None:
        """Write the command of a point.

        It asks for what the point is judged by, as `generate` chooses by that.

        Returns:
            The command; None if every task that the point serves gets another one,
            as one of a study of more prompts, or if no task can ask for it.
        """
        task = _task_for(study, trial)
        if task is None or not serves(trial, task, budgets_for(study, task)):
            return None
        allowed = Budgets(task.loss_budget)
        if any(serves(other, task, allowed) for other in self._trusted_more(study)):
            return None
        for policy in get_args(Policy):
            choice = choose([study], task, policy)
            if choice is not None and choice.trial.number == trial.number:
                words = [
                    "accelfront",
                    "generate",
                    task_sentence(task),
                    "--device",
                    study.device,
                ]
                if policy != "fastest":
                    words += ["--policy", policy]
                if self._storage is not None:
                    words += ["--storage", self._storage]
                return shlex.join(words)
        return None

    def _trusted_more(self, study: Study) -> list[Trial]:
        """Points of the studies that `generate` asks first; one of them serves if any point does.

        Worked out once for all studies of a combination: hundreds may share one.
        """
        key = study.combination, study.device
        if key not in self._before:
            scope = Scope(names_meant(study.device))
            self._before[key] = {}
            found: list[Trial] = []
            # Sorted here: a pipeline that the catalogue knows no more has no commands and no rank.
            for other in by_trust(self._alike[key[0]]):
                if scope.why_not(other) is None:
                    self._before[key][other.name] = found
                    allow = other.budgets.surely_allow
                    sure = [trial for trial in other.trials if allow(trial.judged)]
                    found = _sure_front([*found, *sure])
        return self._before[key].get(study.name, [])


class _Sure(NamedTuple):
    """A point by what it is sure to give."""

    speedup: float
    clip_loss: float
    trial: Trial


def _sure_front(trials: Iterable[Trial]) -> list[Trial]:
    """The points that are enough to tell whether any point meets a wish by interval."""
    sure = [
        _Sure(trial.judged.speedup_ci[0], trial.judged.clip_loss_ci[1], trial) for trial in trials
    ]
    return [each.trial for each in pareto_front(sure)]


def _task_for(study: Study, trial: Trial) -> Task | None:
    """What asks for as much as a point is sure to give; None if no task can say it."""
    judged = trial.judged
    try:
        return Task(
            **dict(study.combination),
            speedup=_rounded(judged.speedup_ci[0], ROUND_FLOOR),
            loss_budget=_rounded(judged.clip_loss_ci[1], ROUND_CEILING),
        )
    except ValidationError:
        return None


def _rounded(number: float, rounding: str) -> float:
    """Four decimals; through text, as 2.3 * 100 is below 230."""
    return float(Decimal(repr(float(number))).quantize(Decimal("0.0001"), rounding))
