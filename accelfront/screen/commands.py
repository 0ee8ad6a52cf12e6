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
        """Take in what `generate` would choose from.

        Args:
            studies: All studies of the storage, or those of the combinations asked for.
            storage: The storage to name; None leaves it to the command's default.
        """
        self.storage = storage
        self._alike: dict[Combination, list[Study]] = {}
        for study in studies:
            self._alike.setdefault(study.combination, []).append(study)
        self._before: dict[tuple[Combination, str, str], dict[str, list[_Sure]]] = {}

    def of(self, study: Study, trial: Trial) -> str | None:
        """Write the command of a point.

        It asks for what the point is judged by, as `generate` chooses by that.

        Returns:
            The command; None if every task that the point serves gets another one, as one of a
            study of more prompts, if no task may ask for it, or if no script finds the model, as it
            was a pipeline that a person had loaded.
        """
        if is_loaded(study.protocol.model):
            return None
        sure = _sure(trial, study.budgets)
        task = None if sure is None else _task_for(study, sure)
        if sure is None or task is None:
            return None
        if any(
            sure.speedup <= each.speedup and each.loss <= sure.loss
            for each in self._trusted_more(study)
        ):
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
                words += [word for pair in setting_words(settings_of(study)) for word in pair]
                if policy != "fastest":
                    words += ["--policy", policy]
                if self.storage is not None:
                    words += ["--storage", self.storage]
                return shlex.join(words)
        return None

    def _trusted_more(self, study: Study) -> list[_Sure]:
        """What the studies that `generate` asks first are sure to give, as a front.

        Worked out once for all studies of a combination: hundreds may share one.
        """
        settings = settings_of(study)
        key = study.combination, study.device, option_words(settings)
        if key not in self._before:
            scope = Scope(names_meant(study.device))
            self._before[key] = {}
            found: list[_Sure] = []
            # Sorted here: a pipeline that the catalogue knows no more has no commands and no rank.
            for other in by_trust(self._alike[key[0]]):
                if scope.why_not(other) is None and _is_under(other, study, settings):
                    self._before[key][other.name] = found
                    sure = (_sure(trial, other.budgets) for trial in other.trials)
                    # Enough to tell whether any point serves.
                    found = pareto_front([*found, *filter(None, sure)])
        return self._before[key].get(study.name, [])


def _is_under(other: Study, study: Study, settings: GenerationSettings) -> bool:
    """Whether the settings of a study, as its command names them, are another one's too."""
    # Their files may be gone.
    if settings.loras and other.protocol.loras != study.protocol.loras:
        return False
    return not measured_otherwise(other, replace(settings, loras=()))


class _Sure(NamedTuple):
    """What a point is sure to give, in four decimals; a speedup of 0 where it may be slower."""

    speedup: float
    loss: float


def _sure(trial: Trial, budgets: Budgets) -> _Sure | None:
    """What a point is sure to give beside the other budgets; None if it may not be used for it."""
    losses = range(-9_999, 10_000)
    place = bisect_left(
        losses, True, key=lambda loss: may_be_used(trial, budgets.with_loss(loss / 10_000))
    )
    if place == len(losses):
        return None
    slowest = _rounded_down(trial.judged.speedup_ci[0])
    return _Sure(slowest if slowest >= LEAST_SPEEDUP else 0.0, losses[place] / 10_000)


def _task_for(study: Study, sure: _Sure) -> Task | None:
    """What asks for as much as a point is sure to give; None if no task can say it."""
    try:
        limits = asked_limits(study.budgets.with_loss(sure.loss))
        return Task(**dict(study.combination), speedup=sure.speedup or None, **limits)
    except ValidationError:
        return None


def _rounded_down(number: float) -> float:
    """Four decimals; through text, as 2.3 * 100 is below 230."""
    return float(Decimal(repr(float(number))).quantize(Decimal("0.0001"), ROUND_FLOOR))
