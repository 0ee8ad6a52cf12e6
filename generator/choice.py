"""Choosing the trial that serves a task: a measured point of one study, by interval."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from generator.bounds import EASY, HARD, Difficulty, difficulty, surest
from generator.make_tasks import LEAST_SPEEDUP
from generator.task import Task
from storage.front import best_inside
from storage.records import StudyRecord, TrialRecord
from storage.requirement import Requirement, meets

Policy = Literal["fastest", "closest", "best-quality"]


@dataclass(frozen=True)
class Scope:
    """Which studies may serve; those of another device or model are told and never used.

    Attributes:
        device: Matches the name of a device that may be used.
        model: The model asked for, as a protocol names it, or only the part before or from its
            `@` on; None takes any.
    """

    device: re.Pattern[str]
    model: str | None = None

    def why_not(self, study: StudyRecord) -> str | None:
        """Why a study may not serve, and what would let it; None if it may."""
        if not self.device.fullmatch(study.device):
            return f'it was studied on another device, which --device "{study.device}" takes'
        if self.model is not None:
            name, _, fingerprint = study.protocol["model"].rpartition("@")
            if self.model not in (name, f"@{fingerprint}"):
                return f"it was studied with another model, {study.protocol['model']}"
        return None


@dataclass(frozen=True)
class Rules:
    """How to choose among what serves, and what to call easy and hard.

    Attributes:
        policy: `fastest`, `closest` to the wish, or `best-quality`, the least loss.
        easy: Share of the bound below which a wish is easy.
        hard: Share of the bound above which a wish is hard.
    """

    policy: Policy = "fastest"
    easy: float = EASY
    hard: float = HARD


@dataclass(frozen=True)
class Choice:
    """A trial with the study that measured it."""

    study: StudyRecord
    trial: TrialRecord


def by_trust(studies: Iterable[StudyRecord]) -> list[StudyRecord]:
    """Order studies of one combination: those of most prompts first, then of most points."""
    return sorted(studies, key=lambda s: (-s.protocol["num_samples"], -len(s.trials), s.name))


def choose(studies: Sequence[StudyRecord], task: Task, policy: Policy) -> Choice | None:
    """Choose a trial in the first study that has one to serve the task.

    Points of different studies are never weighed against each other, as protocols differ.

    Args:
        studies: Of the task's combination, the most trusted first.
        task: What is asked for.
        policy: Which one to take of several that serve.
    """
    for study in studies:
        serving = [trial for trial in study.trials if serves(trial, task)]
        if serving:
            return Choice(study, min(serving, key=lambda trial: _rank(trial, task, policy)))
    return None


def serves(trial: TrialRecord, task: Task) -> bool:
    """Whether a point meets all that a task asks for, with its whole intervals.

    Those of a confirmed one are from prompts that the search did not see.
    """
    return meets(trial, Requirement(_least_speedup(task), task.latency_s), task.loss_budget)


def is_within_bound(studies: Sequence[StudyRecord], task: Task) -> bool:
    """Whether a point meets a task by its means, or no point tells yet where the bound is."""
    inside = [t for study in studies for t in study.trials if t.clip_loss <= task.loss_budget]
    least = _least_speedup(task)
    return not inside or any(
        (least is None or trial.speedup >= least)
        and (task.latency_s is None or trial.measurement["latency_s"] <= task.latency_s)
        for trial in inside
    )


def nearest(studies: Sequence[StudyRecord], task: Task) -> Choice:
    """The point that comes nearest to a task that none serves.

    Beyond the bound it is the bound; within, the point that can promise most; and where no point
    is inside the loss budget, that of the least loss.

    Args:
        studies: With at least one point among them.
        task: What is asked for.
    """
    homes = {id(trial): study for study in studies for trial in study.trials}
    trials = [trial for study in studies for trial in study.trials]
    bound = best_inside(trials, task.loss_budget)
    if bound is None:
        found = min(trials, key=lambda trial: trial.clip_loss)
    elif is_within_bound(studies, task):
        found = surest(trials, task.loss_budget) or bound
    else:
        found = bound
    return Choice(homes[id(found)], found)


def task_difficulty(study: StudyRecord, task: Task, rules: Rules) -> Difficulty | None:
    """How hard a wish is against the bound of a study inside the task's loss budget.

    Returns:
        None if nothing fast is wished for, or the study has no point inside the budget.
    """
    bound = best_inside(study.trials, task.loss_budget)
    if bound is None or (task.speedup is None and task.latency_s is None):
        return None
    wanted = task.speedup or 0.0
    if task.latency_s is not None:
        # As a speedup over the same baseline.
        wanted = max(wanted, bound.speedup * bound.measurement["latency_s"] / task.latency_s)
    return difficulty(wanted, bound.speedup, rules.easy, rules.hard)


def _least_speedup(task: Task) -> float | None:
    """The least speedup that is enough; a task that names no speed still wants some."""
    return LEAST_SPEEDUP if task.speedup is task.latency_s is None else task.speedup


def _rank(trial: TrialRecord, task: Task, policy: Policy) -> tuple[float, float]:
    """What is to be small in the trial to choose."""
    if policy == "best-quality":
        return trial.clip_loss, -trial.speedup
    if policy == "closest" and task.speedup is not None:
        return abs(trial.speedup - task.speedup), trial.clip_loss
    if policy == "closest" and task.latency_s is not None:
        return abs(trial.measurement["latency_s"] - task.latency_s), trial.clip_loss
    return -trial.speedup, trial.clip_loss
