"""The command that emits the script of one measured point."""

from __future__ import annotations

import shlex
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple, get_args

from pydantic import ValidationError

from generator.choice import Policy, Scope, by_trust, choose
from generator.tasks.task import Task
from generator.tasks.writing import asked_limits, task_sentence
from objectives.model_files.fingerprint import is_loaded
from objectives.settings.generation import GenerationSettings
from objectives.settings.measured import measured_otherwise, option_words, settings_of
from objectives.settings.words import setting_words
from objectives.timing.device import names_meant
from storage.records.budgets import Budgets
from storage.records.combination import Combination
from storage.records.front import pareto_front
from storage.records.judgement import LEAST_SPEEDUP, may_be_used
from storage.records.study import Study
from storage.records.trial import Trial


class Commands:
    """Writes the `accelfront generate` commands that emit the scripts of a storage's points."""

    def __init__(self, studies: Iterable[Study], storage: str | None = None) -> None:
        """Take in the studies that `generate` would choose from.

        Args:
            studies: All studies of the storage, or those of the requested combinations.
            storage: The storage to name; None leaves it to the command's default.
        """
        self.storage = storage
        self._alike: dict[Combination, list[Study]] = {}
        for study in studies:
            self._alike.setdefault(study.combination, []).append(study)
        self._before: dict[tuple[Combination, str, str], dict[str, list[_Reach]]] = {}

    def of(self, study: Study, trial: Trial) -> str | None:
        """Write the command of a point.

        If the study's budgets alone get the point, the command asks for nothing else. Otherwise it
        asks for the figures by which the point is judged, as `generate` chooses by these.

        Returns:
            The command. None if every task that the point serves gets another one, such as one of
            a study with more prompts; if no task may ask for it; or if no script finds the model,
            as it was a pipeline that a person had loaded.
        """
        if is_loaded(study.protocol.model):
            return None
        sure = _sure(trial, study.budgets)
        if sure is None:
            return None
        allowed = self._task(study, _Reach(0.0, study.loss_budget))
        own = self._task(study, sure)
        ways = [(allowed, "fastest"), *((own, policy) for policy in get_args(Policy))]
        for task, policy in ways:
            choice = None if task is None else choose([study], task, policy)
            if task is not None and choice is not None and choice.trial.number == trial.number:
                return self._written(study, task, policy)
        return None

    def _task(self, study: Study, asked: _Reach) -> Task | None:
        """The task for a speedup and a loss; None if none can ask for it, or none gets it."""
        try:
            limits = asked_limits(study.budgets.with_loss(asked.loss))
            task = Task(**dict(study.combination), speedup=asked.speedup or None, **limits)
        except ValidationError:
            return None
        is_served = any(
            asked.speedup <= each.speedup and each.loss <= asked.loss
            for each in self._trusted_more(study)
        )
        return None if is_served else task

    def _written(self, study: Study, task: Task, policy: Policy) -> str:
        """A command, quoted for a shell."""
        words = ["accelfront", "generate", task_sentence(task), "--device", study.device]
        words += [word for pair in setting_words(settings_of(study)) for word in pair]
        if policy != "fastest":
            words += ["--policy", policy]
        if self.storage is not None:
            words += ["--storage", self.storage]
        return shlex.join(words)

    def _trusted_more(self, study: Study) -> list[_Reach]:
        """The figures that studies surely give that `generate` prefers to this one, as a front.

        Worked out once for all studies of a combination: hundreds may share one.
        """
        settings = settings_of(study)
        key = study.combination, study.device, option_words(settings)
        if key not in self._before:
            scope = Scope(names_meant(study.device))
            self._before[key] = {}
            found: list[_Reach] = []
            # Sorted here: a pipeline that the catalogue has dropped has no commands and no rank.
            for other in by_trust(self._alike[key[0]]):
                if scope.why_not(other) is None and _is_under(other, study, settings):
                    self._before[key][other.name] = found
                    sure = (_sure(trial, other.budgets) for trial in other.trials)
                    # Enough to tell whether any point serves.
                    found = pareto_front([*found, *filter(None, sure)])
        return self._before[key].get(study.name, [])


def _is_under(other: Study, study: Study, settings: GenerationSettings) -> bool:
    """Whether another study also has a study's settings, as its command names them."""
    # Their files may be gone.
    if settings.loras and other.protocol.loras != study.protocol.loras:
        return False
    return not measured_otherwise(other, replace(settings, loras=()))


class _Reach(NamedTuple):
    """A speedup and a loss that a point surely reaches, or that a task asks for.

    A speedup of 0 means any: for a point that may be slower, and for a task that names none.
    """

    speedup: float
    loss: float


def _sure(trial: Trial, budgets: Budgets) -> _Reach | None:
    """What a point surely reaches besides the other budgets, to four decimals; None if nothing."""
    losses = range(-9_999, 10_000)
    place = bisect_left(
        losses, True, key=lambda loss: may_be_used(trial, budgets.with_loss(loss / 10_000))
    )
    if place == len(losses):
        return None
    slowest = _rounded_down(trial.judged.speedup_ci[0])
    return _Reach(slowest if slowest >= LEAST_SPEEDUP else 0.0, losses[place] / 10_000)


def _rounded_down(number: float) -> float:
    """Round down to four decimals; through text, as 2.3 * 100 is below 230."""
    return float(Decimal(repr(float(number))).quantize(Decimal("0.0001"), ROUND_FLOOR))
