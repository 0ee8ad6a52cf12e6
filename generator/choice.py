"""Choosing the trial that serves a task: a measured point of one study, almost surely inside.

Points are compared by the figures that judge them (storage/records/judgement.py), as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from generator.bounds import EASY, HARD, Difficulty, difficulty
from generator.tasks.task import Task
from objectives.model_files.fingerprint import split_fingerprint
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.model import is_own
from objectives.settings.generation import GenerationSettings
from objectives.settings.measured import measured_otherwise, settings_of
from storage.records.budgets import MEMORY, Budgets, figure
from storage.records.judgement import LEAST_SPEEDUP, least_lossy, may_be_used
from storage.records.requirement import Requirement, serves
from storage.records.study import Study
from storage.records.trial import Trial

Policy = Literal["fastest", "closest", "best-quality"]


@dataclass(frozen=True)
class Scope:
    """Which studies may serve; those of another device or model are named and never used.

    Attributes:
        device: Matches the names of devices that may be used.
        model: The address asked for, or the fingerprints that a folder asked for can have; None
            accepts any model.
    """

    device: re.Pattern[str]
    model: str | frozenset[str] | None = None

    def why_not(self, study: Study) -> str | None:
        """Why a study may not serve, and which option would allow it; None if it may."""
        if not self.device.fullmatch(study.device):
            return f'the study is of another device; --device "{study.device}" uses it'
        if self.model is not None:
            name, digits = split_fingerprint(study.protocol.model)
            wanted = name == self.model if isinstance(self.model, str) else digits in self.model
            if not wanted:
                return f"it was studied with another model, {study.protocol.model}"
        return None


@dataclass(frozen=True)
class Rules:
    """How to choose among points that serve, and which wishes are easy and hard.

    Attributes:
        policy: `fastest`, `closest` to the wish, or `best-quality`, the least loss.
        easy: Below this share of the speed that is sure, a wish is easy.
        hard: Above this share of it, a wish is hard.
    """

    policy: Policy = "fastest"
    easy: float = EASY
    hard: float = HARD


@dataclass(frozen=True)
class Choice:
    """A trial for a task.

    Attributes:
        study: The study that measured it.
        trial: The trial.
        budgets: The budgets that it is to keep.
    """

    study: Study
    trial: Trial
    budgets: Budgets

    @property
    def chance_inside(self) -> float:
        """The chance that the trial keeps the budgets."""
        return self.trial.chance_inside(self.budgets)

    @property
    def unmeasured(self) -> list[str]:
        """The budgets for which the trial has no figure, by name."""
        known = self.trial.judged
        return [name for name in self.budgets.limits() if figure(known, name) is None]

    @property
    def unmeasured_metrics(self) -> list[str]:
        """Those of them that are metrics, which the study may still measure."""
        return [name for name in self.unmeasured if name != MEMORY]


def timed_otherwise(study: Study, task: Task) -> str | None:
    """Why a study's seconds per image are not those that a task asks for; None if they are.

    A script draws one picture at a time. In a batch a picture takes less time, as the host is
    waited for once per batch.
    """
    size = study.protocol.batch_size
    if task.latency_s is None or size == 1:
        return None
    return (
        f"the study timed batches of {size}, and seconds per image in a task are those of a "
        "picture drawn alone"
    )


def why_unfit(study: Study, task: Task, scope: Scope) -> str | None:
    """Why a study of a task's combination may not serve it; None if it may."""
    otherwise = measured_otherwise(study, task.settings)
    return scope.why_not(study) or otherwise or timed_otherwise(study, task)


def by_trust(studies: Iterable[Study]) -> list[Study]:
    """Order studies of one combination: those of most prompts first, then of most points.

    Studies of the catalogue's own model come before all others, as a task names no other model, and
    so do those of the pipeline's own settings, if a task names none.
    """

    def rank(study: Study) -> tuple[bool, bool, int, int, str]:
        entry = find_pipeline(study.combination.pipeline)
        foreign = not is_own(entry, study.protocol.model)
        other = settings_of(study) != GenerationSettings()
        return foreign, other, -study.protocol.num_samples, -len(study.trials), study.name

    return sorted(studies, key=rank)


def choose(studies: Sequence[Study], task: Task, policy: Policy) -> Choice | None:
    """Choose a trial in the first study that has one to serve the task.

    Points of different studies are never compared, as protocols differ.

    Args:
        studies: Of the task's combination, the most trusted first.
        task: The wish.
        policy: Which trial to take if several serve.
    """
    for study in studies:
        budgets = budgets_for(study, task)
        serving = [trial for trial in study.trials if serves(trial, speed_asked(task), budgets)]
        if serving:
            best = min(serving, key=lambda trial: _rank(trial, task, policy))
            return Choice(study, best, budgets)
    return None


def budgets_for(study: Study, task: Task) -> Budgets:
    """The budgets that a study's points must keep: the task's, and the study's others."""
    return study.budgets.with_limits(task.limits)


def speed_asked(task: Task) -> Requirement:
    """The speed that a task asks for; at least, to be faster than the pipeline alone."""
    return Requirement(task.speedup, task.latency_s)


def is_within_bound(studies: Sequence[Study], task: Task) -> bool:
    """Whether a point meets a task by its means, or no point shows yet where the bound is."""
    inside = _inside(studies, task)
    return not inside or any(_is_met(choice.trial, task) for choice in inside)


def nearest(studies: Sequence[Study], task: Task) -> Choice:
    """The point that comes nearest to a task that none serves.

    If points meet it by their means, it is the one most likely to do so. If none does, it is the
    point inside the budgets that lacks the least speed; and if none is inside, the one of least
    loss.

    Args:
        studies: With at least one point among them.
        task: The wish.
    """
    inside, asked = _inside(studies, task), speed_asked(task)
    meeting = [choice for choice in inside if _is_met(choice.trial, task)]
    if meeting:
        return max(meeting, key=lambda each: each.chance_inside - asked.chance_to_miss(each.trial))
    if inside:
        return min(
            inside, key=lambda each: (asked.share_given(each.trial), -each.trial.judged_speedup)
        )
    least = [
        Choice(study, trial, budgets_for(study, task))
        for study in studies
        if (trial := least_lossy(study.trials, budgets_for(study, task))) is not None
    ]
    return min(
        least, key=lambda each: (not each.budgets.allow(each.trial.judged), each.trial.judged_loss)
    )


def _inside(studies: Iterable[Study], task: Task) -> list[Choice]:
    """The points that are inside all budgets by their means."""
    choices = (
        Choice(study, trial, budgets_for(study, task))
        for study in studies
        for trial in study.trials
    )
    return [each for each in choices if max(each.budgets.excess(each.trial.judged).values()) <= 0]


def _is_met(trial: Trial, task: Task) -> bool:
    """Whether a point is as fast by its means as a task asks."""
    return trial.judged_speedup > LEAST_SPEEDUP and speed_asked(task).share_given(trial) <= 1


def task_difficulty(study: Study, task: Task, rules: Rules) -> Difficulty | None:
    """How hard a wish is, compared with the speed that a study is sure of inside the budgets.

    Returns:
        None if no speed is wished for.
    """
    asked, budgets = speed_asked(task), budgets_for(study, task)
    if asked == Requirement():
        return None
    usable = (trial for trial in study.trials if may_be_used(trial, budgets))
    return difficulty(min(map(asked.share_promised, usable), default=inf), rules.easy, rules.hard)


def _rank(trial: Trial, task: Task, policy: Policy) -> tuple[float, float]:
    """The key by which the trial to choose is the smallest."""
    speedup, loss = trial.judged_speedup, trial.judged_loss
    if policy == "best-quality":
        return loss, -speedup
    if policy == "closest" and task.speedup is not None:
        return abs(speedup - task.speedup), loss
    if policy == "closest" and task.latency_s is not None:
        return abs(trial.judged.latency_s - task.latency_s), loss
    return -speedup, loss
