"""Studies as they are read back: what each holds, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from storage.records.budgets import Budgets
from storage.records.combination import Combination
from storage.records.environment import Environment
from storage.records.failure import Failure
from storage.records.front import pareto_front
from storage.records.judgement import judged_bound, judged_front
from storage.records.protocol import Protocol
from storage.records.record import Record, Some, Value
from storage.records.remeasurement import disturbed_by

CONFIRMED = ("speedup", "speedup_ci", "latency_s", "clip_loss", "clip_loss_ci", "samples")
"""What `front --json` shows of a confirmation."""

Point = dict[str, int | float]


@dataclass(frozen=True)
class TrialRecord:
    """A distinct point, measured in full.

    Attributes:
        number: The trial's number in its study.
        params: The canonical point.
        speedup: Baseline latency / accelerated latency.
        clip_loss: Relative loss of the mean CLIP score.
        measurement: All that was measured, as objectives/measurement.py lists it.
        confirmed: The same on prompts that the search did not see; None if it was not confirmed.
        timed_again: Whether it was disturbed and timed again; the quieter timing is kept.
        first_timing: What was measured before it was timed again; None if it was not.
    """

    number: int
    params: Point
    speedup: float
    clip_loss: float
    measurement: Mapping[str, Any]
    confirmed: Mapping[str, Any] | None = None
    timed_again: bool = False
    first_timing: Mapping[str, Any] | None = None

    @property
    def judged(self) -> Mapping[str, Any]:
        """What a choice goes by: the confirmation where there is one, else the measurement."""
        return self.measurement if self.confirmed is None else self.confirmed

    @property
    def looks(self) -> list[Mapping[str, Any]]:
        """What was measured: in the search, then on unseen prompts if it was confirmed."""
        return [self.measurement] + ([] if self.confirmed is None else [self.confirmed])

    @property
    def judged_speedup(self) -> float:
        """Its speedup, without reading the measurement."""
        return self.speedup if self.confirmed is None else self.confirmed["speedup"]

    @property
    def judged_loss(self) -> float:
        """Its CLIP loss, without reading the measurement."""
        return self.clip_loss if self.confirmed is None else self.confirmed["clip_loss"]

    def as_json(self) -> dict[str, Any]:
        """The fields of a point of `front --json`."""
        measured = self.measurement
        return {
            "trial": self.number,
            "params": self.params,
            "speedup": self.speedup,
            "speedup_ci": measured["speedup_ci"],
            "latency_s": measured["latency_s"],
            "baseline_latency_s": measured["baseline_latency_s"],
            "clip_loss": self.clip_loss,
            "clip_loss_ci": measured["clip_loss_ci"],
            "image_similarity": measured["image_similarity"],
            **self._marks(),
        }

    def _marks(self) -> dict[str, Any]:
        """What is to be said of this point and not of most."""
        marks: dict[str, Any] = {}
        if disturbed := disturbed_by(self.measurement):
            marks["disturbed"] = disturbed
        if (share := self.measurement.get("gpu_bound")) is not None:
            marks["gpu_bound"] = share
        if (hits := self.measurement.get("hits")) is not None:
            marks["hits"] = hits
        if (peak := self.measurement.get("peak_memory_mib")) is not None:
            marks["peak_memory_mib"] = peak
        if metrics := self.measurement.get("metrics"):
            marks["metrics"] = metrics
        if self.confirmed is not None:
            marks["confirmed"] = {name: self.confirmed[name] for name in CONFIRMED}
            if metrics := self.confirmed.get("metrics"):
                marks["confirmed"]["metrics"] = metrics
            if disturbed := disturbed_by(self.confirmed):
                marks["confirmed"]["disturbed"] = disturbed
        return marks


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


@dataclass(frozen=True)
class StudyRecord:
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
        scheduler_settings: What its scheduler was given besides the pipeline's own configuration.
        doubt: Why a small loss says little here; empty if there is no reason.
        origin: Where its model was loaded from, as objectives/pipelines/model.py lists it; empty in
            studies of earlier releases.
        files: Where the `prompts` and the `scorer` that a person gave lay at last, by their name in
            the protocol; what is not there is the pipeline's own, or of an earlier release.
        foreign_trials: How many more are complete and were not measured by accelfront, such as
            those added through Optuna; they count for nothing.
        failed: What failed for reasons of its own and is not tried again.
    """

    name: str
    combination: Combination
    protocol: Protocol
    environment: Environment
    space: Space
    budgets: Budgets
    trials: list[TrialRecord]
    states: dict[str, int]
    scheduler_settings: dict[str, Any] = field(default_factory=dict)
    doubt: str = ""
    origin: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    foreign_trials: int = 0
    failed: Sequence[Failure] = ()

    @property
    def loss_budget(self) -> float:
        """The greatest CLIP loss allowed."""
        return self.budgets.clip_loss

    @property
    def device(self) -> str:
        """The device's name."""
        return self.environment.device

    @property
    def versions(self) -> dict[str, str]:
        """Of the libraries that it measures with."""
        return self.environment.versions

    @property
    def front(self) -> list[TrialRecord]:
        """The non-dominated points by what they are judged by, fastest first."""
        return judged_front(self.trials, self.budgets)

    @property
    def searched_front(self) -> list[TrialRecord]:
        """The non-dominated points by what the search measured: what a search compares with."""
        return pareto_front(self.allowed)

    @property
    def allowed(self) -> list[TrialRecord]:
        """The points that met all conditions in the search."""
        return [trial for trial in self.trials if self.budgets.allow(trial.measurement)]

    @property
    def bound(self) -> TrialRecord | None:
        """The fastest point inside all budgets of the study; None if there is none."""
        return judged_bound(self.trials, self.budgets)

    @property
    def ruled_out(self) -> list[TrialRecord]:
        """The points that break a condition, and so are on no front."""
        return [trial for trial in self.trials if not self.budgets.allow(trial.judged)]

    def as_json(self) -> dict[str, Any]:
        """One entry of `front --json`."""
        return {
            "study": self.name,
            **self.combination.as_json(),
            "device": self.device,
            "model": self.protocol.model,
            "loss_budget": self.loss_budget,
            "doubt": self.doubt or None,
            "trials": len(self.trials),
            "foreign_trials": self.foreign_trials,
            "front": [trial.as_json() for trial in self.front],
            "failed": [failure._asdict() for failure in self.failed],
            "budgets": self.budgets.limits(),
            "ruled_out": [trial.number for trial in self.ruled_out],
        }
