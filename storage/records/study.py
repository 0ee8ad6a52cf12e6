"""Studies as they are read back: what each holds, and what it comes to."""

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
        distinct: Parameter sets that differ in effect.
        grid: All parameter sets.
        choices: Values by parameter.
    """

    distinct: Some
    grid: Some
    choices: dict[str, list[Value]]


class Origin(Record):
    """Where a model was loaded from, kept with a study so that its scripts can load it too.

    Attributes:
        folder: The folder that a person named; None for an embedded model, which every
            installation has at a place of its own.
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
    """What is kept on a study. The last seven are not there in studies of some earlier releases.

    Attributes:
        combination: What it accelerates, and with what.
        protocol: How it measures.
        environment: Where.
        space: The points that there are.
        loss_budget: The greatest loss allowed in the protocol's `loss`, as the latest run had it.
        budgets: By name what else it limits.
        scheduler_settings: What its scheduler was given besides the pipeline's own configuration.
        scheduler_options: Those of them that a person chose.
        doubt: Why a small loss says little here; empty if there is no reason.
        model_origin: Where its model was loaded from.
        files: Where the `prompts` and the `scorer` that a person gave lay at last, by their name in
            the protocol; what is not there is the pipeline's own, or of an earlier release.
        label: What a person calls it; empty if nobody does.
        learned: By method what it learned of the plain pipe before it began.
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
"""Said of an answer that other points beat by their means, as they are not so sure to be inside."""


class Study(BaseModel):
    """One study with its completed points.

    Attributes:
        name: The study's name.
        combination: What it accelerates, and with what.
        protocol: How it measures.
        environment: Where.
        space: The points that there are.
        budgets: What it allows, as the latest run had it.
        trials: Its distinct completed points, by trial number.
        states: How many trials are in which state, repeats of a point left out.
        scheduler_settings: As in `StudyAttributes`; so are the next five.
        scheduler_options: Those of them that a person chose.
        doubt: Why a small loss says little here.
        origin: Where its model was loaded from.
        files: Where files that a person gave lay at last.
        label: What a person calls it; empty if nobody does.
        learned: By method what it learned of the plain pipe.
        foreign_trials: How many more are complete and were not measured by accelfront, such as
            those added through Optuna; they count for nothing.
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
        """Its name, after what a person calls it."""
        return f"{self.label} ({self.name})" if self.label else self.name

    @property
    def short_name(self) -> str:
        """What a person calls it, else the digest, which tells studies of a combination apart."""
        return self.label or StudyName.read(self.name).digest

    def under(self, budgets: Budgets) -> Study:
        """The same study as other budgets have it."""
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
        """Of the libraries that it measures with."""
        return self.environment.versions

    @property
    def front(self) -> list[Trial]:
        """The non-dominated points by what they are judged by, fastest first."""
        return judged_front(self.trials, self.budgets)

    @property
    def reach(self) -> str:
        """How many of its points are measured, such as `8 of 24 points`."""
        return f"{len(self.trials)} of {self.space.distinct} points"

    @property
    def listed(self) -> list[Trial]:
        """What a list shows: the front, and the answer where a point beats it by its means alone.

        Such a point is not sure to be inside, as its interval is wider.
        """
        shown = {trial.number: trial for trial in self.front}
        if (answer := self.answer) is not None:
            shown[answer.number] = answer
        return sorted(shown.values(), key=lambda each: (-each.judged_speedup, each.judged_loss))

    @property
    def roles(self) -> dict[int, str]:
        """What a list calls the answer and the bolder point, by their numbers."""
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
        """The non-dominated points by what the search measured: what a search compares with."""
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
        """What to take away: the fastest point that is inside all budgets almost surely."""
        return sure_answer(self.trials, self.budgets)

    @property
    def conclusion(self) -> Conclusion:
        """What it comes to: the answer, the bolder point, or else how near it came."""
        return Conclusion.of(self.trials, self.budgets)

    @property
    def conclusion_in_words(self) -> str:
        """The conclusion in whole sentences, with how the answer stands beside its rivals."""
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
        """Points of this study as `front --json` has them, beside their rivals."""
        rivals = self.rivals
        return [
            trial.as_json()
            | trial.chance_json(self.budgets)
            | rivals.as_json(trial)
            | self._votes_json(trial)
            for trial in trials
        ]

    def _votes_json(self, trial: Trial) -> dict[str, Any]:
        """What people's votes add to the fields of a point; most have none."""
        rates = self.votes.get(trial.number, {})
        return {"votes": {rival: rate.as_json() for rival, rate in rates.items()}} if rates else {}

    def point_json(self, trial: Trial | None) -> dict[str, Any] | None:
        """One of them, where there is one."""
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
