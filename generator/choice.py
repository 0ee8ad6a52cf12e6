"""Choosing the trial that serves a task: a measured point of one study, almost surely inside.

Points are compared by what they are judged by (storage/records/judgement.py), here as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from generator.bounds import EASY, HARD, Difficulty, difficulty
from generator.tasks.task import Task
from objectives.model_files.fingerprint import split_fingerprint
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.model import is_own
from storage.records.budgets import Budgets
from storage.records.conclusions.words import risk_in_words
from storage.records.judgement import LEAST_SPEEDUP, SURE, judged_bound, least_lossy
from storage.records.requirement import Requirement, meets
from storage.records.study import Study
from storage.records.trial import Trial

Policy = Literal["fastest", "closest", "best-quality"]


@dataclass(frozen=True)
class Scope:
    """Which studies may serve; those of another device or model are told and never used.

    Attributes:
        device: Matches the name of a device that may be used.
        model: The address asked for, or the fingerprints that a folder asked for can have; None
            takes any.
    """

    device: re.Pattern[str]
    model: str | frozenset[str] | None = None

    def why_not(self, study: Study) -> str | None:
        """Why a study may not serve, and what would let it; None if it may."""
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
    """A trial for a task.

    Attributes:
        study: The study that measured it.
        trial: The trial.
        budgets: What it is to keep.
    """

    study: Study
    trial: Trial
    budgets: Budgets

    @property
    def chance_inside(self) -> float:
        """The chance that the trial keeps the budgets."""
        return self.trial.chance_inside(self.budgets)


def timed_otherwise(study: Study, task: Task) -> str | None:
    """Why a study's seconds per image are not those that a task asks for; None if they are.

    A script draws one picture at a time. In a batch a picture takes less: the host is waited for
    once and not for each.
    """
    size = study.protocol.batch_size
    if task.latency_s is None or size == 1:
        return None
    return (
        f"the study timed batches of {size}, and seconds per image in a task are those of a "
        "picture drawn alone"
    )


def by_trust(studies: Iterable[Study]) -> list[Study]:
    """Order studies of one combination: those of most prompts first, then of most points.

    Before all come those of the catalogue's own model, as a task names no other one.
    """

    def rank(study: Study) -> tuple[bool, int, int, str]:
        entry = find_pipeline(study.combination.pipeline)
        foreign = not is_own(entry, study.protocol.model)
        return foreign, -study.protocol.num_samples, -len(study.trials), study.name

    return sorted(studies, key=rank)


def choose(studies: Sequence[Study], task: Task, policy: Policy) -> Choice | None:
    """Choose a trial in the first study that has one to serve the task.

    Points of different studies are never weighed against each other, as protocols differ.

    Args:
        studies: Of the task's combination, the most trusted first.
        task: What is asked for.
        policy: Which one to take of several that serve.
    """
    for study in studies:
        budgets = budgets_for(study, task)
        serving = [trial for trial in study.trials if serves(trial, task, budgets)]
        if serving:
            best = min(serving, key=lambda trial: _rank(trial, task, policy))
            return Choice(study, best, budgets)
    return None


def serves(trial: Trial, task: Task, budgets: Budgets) -> bool:
    """Whether a point is sure to meet a task: its speed by interval, the budgets by `SURE`."""
    return meets(trial, Requirement(_least_speedup(task), task.latency_s), budgets)


def budgets_for(study: Study, task: Task) -> Budgets:
    """What a study's points must keep to serve: the task's loss budget, the study's others."""
    return study.budgets.with_loss(task.loss_budget)


def search_goal(task: Task) -> Requirement:
    """What ends a search for a task; nothing does where no speed is asked for."""
    if task.speedup is task.latency_s is None:
        return Requirement()
    return Requirement(_least_speedup(task), task.latency_s)


def is_within_bound(studies: Sequence[Study], task: Task) -> bool:
    """Whether a point meets a task by its means, or no point tells yet where the bound is."""
    inside = [trial for trial in _allowed(studies) if trial.judged_loss <= task.loss_budget]
    return not inside or any(
        trial.judged_speedup >= _least_speedup(task)
        and (task.latency_s is None or trial.judged.latency_s <= task.latency_s)
        for trial in inside
    )


def nearest(studies: Sequence[Study], task: Task) -> Choice:
    """The point that comes nearest to a task that none serves.

    Beyond the bound it is the bound; within, the point that can promise most; and where no point
    is inside the budgets, that of the least loss.

    Args:
        studies: With at least one point among them.
        task: What is asked for.
    """
    homes = {id(trial): study for study in studies for trial in study.trials}
    allowed, budget = _allowed(studies), Budgets(task.loss_budget)
    found = judged_bound(allowed, budget)
    if found is None:
        trials = allowed or [trial for study in studies for trial in study.trials]
        found = least_lossy(trials, budget)
        assert found is not None  # There is a point.
    elif is_within_bound(studies, task):
        sure = [
            trial
            for trial in allowed
            if trial.chance_inside(budgets_for(homes[id(trial)], task)) >= SURE
        ]
        found = max(sure, key=lambda trial: trial.judged.speedup_ci[0], default=found)
    study = homes[id(found)]
    return Choice(study, found, budgets_for(study, task))


def _allowed(studies: Iterable[Study]) -> list[Trial]:
    """The points that meet the conditions of their own studies by their means."""
    return [
        trial for study in studies for trial in study.trials if study.budgets.allow(trial.judged)
    ]


def task_difficulty(study: Study, task: Task, rules: Rules) -> Difficulty | None:
    """How hard a wish is against the bound of a study inside the task's loss budget.

    Returns:
        None if nothing fast is wished for, or the study has no point inside the budget.
    """
    bound = judged_bound(study.trials, budgets_for(study, task))
    if bound is None or (task.speedup is None and task.latency_s is None):
        return None
    wanted = task.speedup or 0.0
    if task.latency_s is not None:
        # As a speedup over the same baseline.
        wanted = max(wanted, bound.judged_speedup * bound.judged.latency_s / task.latency_s)
    return difficulty(wanted, bound.judged_speedup, rules.easy, rules.hard)


def passed_over(choice: Choice, task: Task) -> str:
    """Why a faster point of the study was not chosen, in words; empty if there is none.

    A point counts as faster if it was so in the search or is judged so, and if it was inside the
    loss budget by its mean there; the fastest one is told of. One that serves as well and is faster
    was left by the policy, which people know of.
    """
    chosen, budgets = choice.trial.judged_speedup, choice.budgets
    faster = [
        (speedup, loss, trial)
        for trial in choice.study.trials
        if trial.number != choice.trial.number
        for speedup, loss in _looks(trial)
        if speedup > chosen and loss <= task.loss_budget
        if trial.judged_speedup <= chosen or not serves(trial, task, budgets)
    ]
    if not faster:
        return ""
    speedup, loss, trial = max(faster, key=lambda each: each[0])
    return (
        f"trial {trial.number} looked faster, {speedup:.2f}x at a loss of {loss:.1%}, and was "
        f"passed over: {_lack(trial, task, budgets)}"
    )


def _looks(trial: Trial) -> set[tuple[float, float]]:
    """Speedup and loss in the search and as judged."""
    return {(trial.speedup, trial.clip_loss), (trial.judged_speedup, trial.judged_loss)}


def _lack(trial: Trial, task: Task, budgets: Budgets) -> str:
    """What a point lacks to be chosen; of one that serves, how little is left of its speedup."""
    judged, where = trial.judged, "" if trial.confirmed is None else "on unseen prompts "
    slowest = judged.speedup_ci[0]
    if not budgets.allow(judged):
        return budgets.why_not(judged)
    if trial.chance_inside(budgets) < SURE:
        return f"there is {risk_in_words(trial, budgets)}"
    if slowest < _least_speedup(task):
        return (
            f"{where}it may be only {slowest:.2f}x, and the task wants {_least_speedup(task):.2f}x"
        )
    latency = judged.latency_ci_s
    if task.latency_s is not None and latency is None:
        return f"{where}only one pair was timed, so its seconds have no interval"
    if task.latency_s is not None and latency is not None and latency[1] > task.latency_s:
        return f"{where}a picture may take {latency[1]:.3g} s"
    return f"{where}it is {trial.judged_speedup:.2f}x"


def _least_speedup(task: Task) -> float:
    """The least speedup that is enough: who asks for none wants no slowing down either."""
    return LEAST_SPEEDUP if task.speedup is None else task.speedup


def _rank(trial: Trial, task: Task, policy: Policy) -> tuple[float, float]:
    """What is to be small in the trial to choose."""
    speedup, loss = trial.judged_speedup, trial.judged_loss
    if policy == "best-quality":
        return loss, -speedup
    if policy == "closest" and task.speedup is not None:
        return abs(speedup - task.speedup), loss
    if policy == "closest" and task.latency_s is not None:
        return abs(trial.judged.latency_s - task.latency_s), loss
    return -speedup, loss
