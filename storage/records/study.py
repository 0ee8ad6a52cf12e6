"""Studies as they are read back: what each holds, and what it concludes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from storage.records.budgets import Budgets
from storage.records.combination import Combination, StudyName
from storage.records.conclusions.conclusion import Conclusion
from storage.records.conclusions.win_rate import WinRate
from storage.records.environment import Environment
from storage.records.front import pareto_front
from storage.records.judgement import (
    Rivals,
    judged_bound,
    judged_front,
    sure_answer,
)
from storage.records.protocol import Protocol
from storage.records.record import Learned, Number, Record, Some, Value
from storage.records.trial import Failure, Trial


class Space(Record):
    """The points of a study.

    Attributes:
        distinct: Number of parameter sets that differ in effect.
        grid: Number of all parameter sets.
        choices: Values by parameter.
    """

    distinct: Some
    grid: Some
    choices: dict[str, list[Value]]


class Origin(Record):
    """Where a model was loaded from, kept with a study so that its scripts can load it too.

    Attributes:
        folder: The folder that a person named; None for an embedded model, which every
            installation keeps in a place of its own.
        address: Its address on the Hub.
        commit: The commit there.
        variant: The variant of its weights; None for plain file names.
    """

    folder: str | None = None
    address: str | None = None
    commit: str | None = None
    variant: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The fields that hold something."""
        return self.model_dump(mode="json", exclude_none=True)


class StudyAttributes(Record):
    """What is kept on a study. Studies of some earlier releases lack the last seven.

    Attributes:
        combination: What it accelerates, and with what.
        protocol: How it measures.
        environment: The device and the library versions.
        space: The points that there are.
        loss_budget: The greatest loss allowed in the protocol's `loss`, as of the latest run.
        budgets: Its other limits, by name.
        scheduler_settings: The scheduler's settings in addition to the pipeline's configuration.
        scheduler_options: The settings among them that a person chose.
        doubt: Why a small loss means little here; empty if there is no reason.
        model_origin: Where its model was loaded from.
        files: Last known places of the `prompts` and the `scorer` that a person gave, by their name
            in the protocol; missing names are the pipeline's own, or of an earlier release.
        label: A person's name for it; empty if there is none.
        learned: What each method learned from the plain pipe before the study began.
    """

    combination: Combination
    protocol: Protocol
    environment: Environment
    space: Space
    loss_budget: float = Field(gt=-1, lt=1)
    budgets: dict[str, Number] = Field(default_factory=dict)
    scheduler_settings: dict[str, bool | Value | str] = Field(default_factory=dict)
    scheduler_options: dict[str, bool | Value | str] = Field(default_factory=dict)
    doubt: str = ""
    model_origin: Origin = Origin()
    files: dict[str, str] = Field(default_factory=dict)
    label: str = ""
    learned: dict[str, Learned] = Field(default_factory=dict)


OFF_FRONT = "off the front"
"""Added to an answer that other points beat by their means, as they are less surely inside."""


class Study(BaseModel):
    """One study with its completed points.

    Attributes:
        name: The study's name.
        combination: What it accelerates, and with what.
        protocol: How it measures.
        environment: The device and the library versions.
        space: The points that there are.
        budgets: Its limits, as of the latest run.
        trials: Its distinct completed points, by trial number.
        states: The number of trials in each state, without repeats of a point.
        scheduler_settings: As in `StudyAttributes`; so are the next five.
        scheduler_options: The settings among them that a person chose.
        doubt: Why a small loss means little here.
        origin: Where its model was loaded from.
        files: Last known places of files that a person gave.
        label: A person's name for it; empty if there is none.
        learned: What each method learned from the plain pipe.
        foreign_trials: How many more are complete but were not measured by accelfront, such as
            those added through Optuna; they do not count.
        failed: What failed for reasons of its own and is not tried again.
        votes: How people liked its pictures: by a trial's number and its rival's name, which is
            `baseline` or another trial's study, `/` and number.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    name: str
    combination: Combination
    protocol: Protocol
    environment: Environment
    space: Space
    budgets: Budgets
    trials: list[Trial]
    states: dict[str, int]
    scheduler_settings: dict[str, bool | Value | str] = Field(default_factory=dict)
    scheduler_options: dict[str, bool | Value | str] = Field(default_factory=dict)
    doubt: str = ""
    origin: Origin = Origin()
    files: dict[str, str] = Field(default_factory=dict)
    label: str = ""
    learned: dict[str, Learned] = Field(default_factory=dict)
    foreign_trials: int = 0
    failed: list[Failure] = Field(default_factory=list)
    votes: dict[int, dict[str, WinRate]] = Field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its name, preceded by its label if it has one."""
        return f"{self.label} ({self.name})" if self.label else self.name

    @property
    def short_name(self) -> str:
        """Its label, or otherwise the digest, which distinguishes studies of a combination."""
        return self.label or StudyName.read(self.name).digest

    def under(self, budgets: Budgets) -> Study:
        """The same study under other budgets."""
        return self.model_copy(update={"budgets": budgets})

    @property
    def loss_budget(self) -> float:
        """The greatest loss allowed in the study's metric."""
        return self.budgets.most_loss

    @property
    def loss(self) -> str:
        """The name of the metric that is its second objective."""
        return self.budgets.loss

    @property
    def device(self) -> str:
        """The device's name."""
        return self.environment.device

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the libraries that it measures with."""
        return self.environment.versions

    @property
    def front(self) -> list[Trial]:
        """The non-dominated points by their judged figures, fastest first."""
        return judged_front(self.trials, self.budgets)

    @property
    def reach(self) -> str:
        """How many of its points are measured, such as `8 of 24 points`."""
        return f"{len(self.trials)} of {self.space.distinct} points"

    @property
    def listed(self) -> list[Trial]:
        """The points of a list: the front, and the answer if a point only beats it by its means.

        Such a point is less surely inside, as its interval is wider.
        """
        shown = {trial.number: trial for trial in self.front}
        if (answer := self.answer) is not None:
            shown[answer.number] = answer
        return sorted(shown.values(), key=lambda each: (-each.judged_speedup, each.judged_loss))

    @property
    def roles(self) -> dict[int, str]:
        """How a list marks the answer and the bolder point, by their numbers."""
        found, roles = self.conclusion, {}
        if found.bolder is not None:
            roles[found.bolder.number] = "bolder"
        if found.answer is not None:
            number = found.answer.number
            on_front = any(trial.number == number for trial in self.front)
            roles[number] = "answer" if on_front else f"answer, {OFF_FRONT}"
        return roles

    @property
    def searched_front(self) -> list[Trial]:
        """The non-dominated points by the search's own figures, with which a search compares."""
        return pareto_front(self.allowed)

    @property
    def allowed(self) -> list[Trial]:
        """The points that met all conditions in the search."""
        return [trial for trial in self.trials if self.budgets.allow(trial.measurement)]

    @property
    def bound(self) -> Trial | None:
        """The fastest point inside all budgets by its means; None if there is none."""
        return judged_bound(self.trials, self.budgets)

    @property
    def answer(self) -> Trial | None:
        """The point to use: the fastest one that is almost surely inside all budgets."""
        return sure_answer(self.trials, self.budgets)

    @property
    def conclusion(self) -> Conclusion:
        """The answer, the bolder point, or otherwise how near the study came."""
        return Conclusion.of(self.trials, self.budgets)

    @property
    def conclusion_in_words(self) -> str:
        """The conclusion in whole sentences, with how the answer compares with its rivals."""
        found = self.conclusion
        return found.in_words("" if found.answer is None else self.rivals.in_words(found.answer))

    @property
    def rivals(self) -> Rivals:
        """What its points have to beat: its best lossless point, and fewer steps."""
        return Rivals.among(self.trials, self.budgets)

    @property
    def ruled_out(self) -> list[Trial]:
        """The points that break a condition, and so are on no front."""
        return [trial for trial in self.trials if not self.budgets.allow(trial.judged)]

    def points_json(self, trials: Iterable[Trial]) -> list[dict[str, Any]]:
        """Points of this study as in `front --json`, compared with their rivals."""
        rivals = self.rivals
        return [
            trial.as_json()
            | trial.chance_json(self.budgets)
            | rivals.as_json(trial)
            | self._votes_json(trial)
            for trial in trials
        ]

    def _votes_json(self, trial: Trial) -> dict[str, Any]:
        """The fields that people's votes add to a point; most points have none."""
        rates = self.votes.get(trial.number, {})
        return {"votes": {rival: rate.as_json() for rival, rate in rates.items()}} if rates else {}

    def point_json(self, trial: Trial | None) -> dict[str, Any] | None:
        """The fields of a point; None if there is no point."""
        return None if trial is None else self.points_json([trial])[0]

    def as_json(self) -> dict[str, Any]:
        """One entry of `front --json`."""
        found = self.conclusion
        content = {
            "study": self.name,
            **self.combination.as_json(),
            "device": self.device,
            "model": self.protocol.model,
            "loss_budget": self.loss_budget,
            "doubt": self.doubt or None,
            "trials": len(self.trials),
            "foreign_trials": self.foreign_trials,
            "front": self.points_json(self.front),
            "answer": self.point_json(found.answer),
            "bolder": self.point_json(found.bolder),
            "failed": [failure._asdict() for failure in self.failed],
            "budgets": self.budgets.limits(),
            "ruled_out": [trial.number for trial in self.ruled_out],
            "label": self.label or None,
            "loss": self.loss,
        }
        if (best := self.rivals.lossless) is not None:
            content["best_lossless"] = self.point_json(best)
        return content
