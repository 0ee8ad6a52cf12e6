"""Studies as they are read back: what is kept on a study and on its trials, by name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from storage.errors import StorageError
from storage.front import pareto_front
from storage.judgement import judged_bound, judged_front
from storage.looks import SecondLook, join_looks, read_looks
from storage.rows import (
    Measurements,
    StoredMeasurement,
    TrialRow,
    collector_paused,
    read_trials,
)
from storage.store import Store

# Attributes of an Optuna study.
COMBINATION = "combination"
SCHEDULER_SETTINGS = "scheduler_settings"
PROTOCOL = "protocol"
ENVIRONMENT = "environment"
SPACE = "space"
LOSS_BUDGET = "loss_budget"
ORIGIN = "model_origin"

# Attributes of an Optuna trial.
POINT = "point"
MEASUREMENT = "measurement"
FEASIBLE = "feasible"
REASON = "reason"
DUPLICATE_OF = "duplicate_of"

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
    """

    number: int
    params: Point
    speedup: float
    clip_loss: float
    measurement: Mapping[str, Any]
    confirmed: Mapping[str, Any] | None = None
    timed_again: bool = False

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
        if disturbed := self.measurement.get("disturbed"):
            marks["disturbed"] = disturbed
        if (share := self.measurement.get("gpu_bound")) is not None:
            marks["gpu_bound"] = share
        if self.confirmed is not None:
            marks["confirmed"] = {name: self.confirmed[name] for name in CONFIRMED}
        return marks


@dataclass(frozen=True)
class StudyRecord:
    """One study with its completed points.

    Attributes:
        name: The study's name.
        combination: Its pipeline, scheduler, steps and methods.
        device: The device's name.
        loss_budget: The greatest CLIP loss allowed, as the latest run had it.
        protocol: As objectives/protocol.py lists it.
        versions: Of the libraries it was measured with.
        space: Distinct points of its space, and parameter sets of the full grid.
        trials: Its distinct completed points, by trial number.
        states: How many trials are in which state, repeats of a point left out.
        scheduler_settings: What its scheduler was given besides the pipeline's own configuration.
        origin: Where its model was loaded from, as objectives/model.py lists it; empty in studies
            of earlier releases.
    """

    name: str
    combination: dict[str, Any]
    device: str
    loss_budget: float
    protocol: dict[str, Any]
    versions: dict[str, str]
    space: dict[str, Any]
    trials: list[TrialRecord]
    states: dict[str, int]
    scheduler_settings: dict[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def front(self) -> list[TrialRecord]:
        """The non-dominated points by what they are judged by, fastest first."""
        return judged_front(self.trials)

    @property
    def searched_front(self) -> list[TrialRecord]:
        """The non-dominated points by what the search measured: what a search compares with."""
        return pareto_front(self.trials)

    @property
    def bound(self) -> TrialRecord | None:
        """The fastest point inside the study's loss budget; None if there is none."""
        return judged_bound(self.trials, self.loss_budget)

    def as_json(self) -> dict[str, Any]:
        """One entry of `front --json`."""
        return {
            "study": self.name,
            **self.combination,
            "device": self.device,
            "model": self.protocol.get("model"),
            "loss_budget": self.loss_budget,
            "trials": len(self.trials),
            "front": [trial.as_json() for trial in self.front],
        }


def read_study(study: optuna.Study) -> StudyRecord:
    """Read a study of ours, through what its storage object has read already."""
    trials = study.get_trials(deepcopy=False)
    states = [trial.state for trial in trials if DUPLICATE_OF not in trial.user_attrs]
    return _record(study.study_name, study.user_attrs, completed(trials), states)


def read_studies(store: Store, name: str | None = None) -> list[StudyRecord]:
    """Read the studies of a database, by name.

    Args:
        store: An open database.
        name: Read this study only.

    Raises:
        StorageError: If there is no study, or none of this name.
    """
    studies = {study.study_name: study for study in store.optuna.get_all_studies()}
    if name is not None and name not in studies:
        near = ", ".join(get_close_matches(name, studies, n=3, cutoff=0)) or "none"
        raise StorageError(
            f"{store.name} has no study {name!r}; of its {len(studies)} the nearest: {near}"
        )
    ours = {
        study._study_id: study
        for each, study in sorted(studies.items())
        if name in (None, each) and LOSS_BUDGET in study.user_attrs
    }
    if not ours:
        raise StorageError(f"{store.name} holds no studies; `accelfront study` makes some")
    with collector_paused():
        trials = read_trials(store.engine, ours)
        measurements = Measurements(store.engine, list(ours))
        looks = read_looks(store.engine, ours)
        return [
            _record(
                study.study_name,
                study.user_attrs,
                *_split(trials[study_id], measurements, looks[study_id]),
            )
            for study_id, study in ours.items()
        ]


def find_study(store: Store, name: str) -> StudyRecord | None:
    """Read the study of this name, if there is one."""
    try:
        return read_study(optuna.load_study(study_name=name, storage=store.optuna))
    except KeyError:
        return None


def completed(trials: Sequence[FrozenTrial]) -> list[TrialRecord]:
    """The distinct points that were measured in full, by trial number."""
    points = _distinct(
        TrialRecord(
            number=trial.number,
            params=trial.user_attrs[POINT],
            speedup=trial.values[0],
            clip_loss=trial.values[1],
            measurement=trial.user_attrs[MEASUREMENT],
        )
        for trial in trials
        if trial.state == TrialState.COMPLETE and DUPLICATE_OF not in trial.user_attrs
    )
    looks = (
        (trial.user_attrs[DUPLICATE_OF], trial.user_attrs[MEASUREMENT])
        for trial in trials
        if trial.state == TrialState.PRUNED and {DUPLICATE_OF, MEASUREMENT} <= set(trial.user_attrs)
    )
    return join_looks(points, looks)


def _split(
    rows: Sequence[TrialRow], measurements: Measurements, looks: Sequence[SecondLook]
) -> tuple[list[TrialRecord], list[TrialState]]:
    """The completed points among trials, and the states of all; repeats of a point left out."""
    own = [row for row in rows if row.duplicate_of is None]
    complete = [row for row in own if row.state == TrialState.COMPLETE]
    # In one text, as parsing each alone would take most of the time of reading.
    points = json.loads(f"[{','.join(row.point or '{}' for row in complete)}]")
    trials = _distinct(
        TrialRecord(
            row.number,
            point,
            row.speedup,
            row.clip_loss,
            StoredMeasurement(row.trial_id, measurements),
        )
        for row, point in zip(complete, points, strict=True)
        # Of a completed trial neither is missing; mypy cannot know.
        if row.speedup is not None and row.clip_loss is not None
    )
    joined = join_looks(trials, looks)
    front = {trial.number for trial in judged_front(joined)}
    measurements.likely += [row.trial_id for row in complete if row.number in front]
    return joined, [row.state for row in own]


def _distinct(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The first trial of each point.

    A worker that was suspended in the middle of its last write may complete a point that another
    one was given meanwhile.
    """
    first: dict[frozenset[tuple[str, float]], TrialRecord] = {}
    for trial in trials:
        first.setdefault(frozenset(trial.params.items()), trial)
    return list(first.values())


def _record(
    name: str,
    attributes: Mapping[str, Any],
    trials: list[TrialRecord],
    states: Iterable[TrialState],
) -> StudyRecord:
    return StudyRecord(
        name=name,
        combination=attributes[COMBINATION],
        device=attributes[ENVIRONMENT]["device"],
        loss_budget=attributes[LOSS_BUDGET],
        protocol=attributes[PROTOCOL],
        versions=attributes[ENVIRONMENT]["versions"],
        space=attributes[SPACE],
        trials=trials,
        states=dict(Counter(state.name.lower() for state in states)),
        # Not there in what the first release measured, which gave none.
        scheduler_settings=attributes.get(SCHEDULER_SETTINGS, {}),
        origin=attributes.get(ORIGIN, {}),
    )
