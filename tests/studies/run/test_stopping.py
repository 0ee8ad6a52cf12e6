from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage.records.budgets import Budgets
from storage.records.requirement import Requirement, meets
from storage.records.study import TrialRecord
from studies.run.stopping import PLATEAU_POINTS, Deadline, Plateau


def make_trial(**measured: Any) -> TrialRecord:
    measurement = {
        "speedup_ci": (1.9, 2.1),
        "latency_ci_s": (0.4, 0.6),
        "clip_loss_ci": (-0.01, 0.015),
        **measured,
    }
    return TrialRecord(0, {}, 2.0, 0.005, measurement)


@pytest.mark.parametrize(
    ("requirement", "met"),
    [
        (Requirement(), False),
        (Requirement(speedup=1.8), True),
        (Requirement(speedup=2.0), False),
        (Requirement(latency_s=0.7), True),
        (Requirement(latency_s=0.5), False),
        (Requirement(speedup=1.8, latency_s=0.5), False),
    ],
)
def test_a_requirement_is_met_by_the_interval(requirement: Requirement, met: bool) -> None:
    assert meets(make_trial(), requirement, budgets=Budgets(0.02)) is met


def test_a_latency_without_an_interval_promises_nothing() -> None:
    trial = make_trial()
    alone = replace(trial, measurement={**trial.measurement, "latency_ci_s": None})
    assert not meets(alone, Requirement(latency_s=9.0), Budgets(0.02))
    assert meets(alone, Requirement(speedup=1.8), Budgets(0.02))


def test_the_whole_loss_interval_must_keep_the_budget() -> None:
    requirement = Requirement(speedup=1.5)
    assert meets(make_trial(), requirement, Budgets(0.015))
    assert not meets(make_trial(), requirement, Budgets(0.01))


def test_a_plateau_is_reached_after_points_without_gain_in_this_run() -> None:
    def trials(count: int, speedup: float = 2.0) -> list[TrialRecord]:
        return [TrialRecord(number, {}, speedup, 0.0, {}) for number in range(count)]

    plateau = Plateau(Budgets(0.02))
    assert not plateau.reached(trials(50))
    assert not plateau.reached(trials(50 + PLATEAU_POINTS - 1))
    assert not plateau.reached(trials(50 + PLATEAU_POINTS, speedup=3.0))
    assert not plateau.reached(trials(50 + 2 * PLATEAU_POINTS - 1, speedup=3.0))
    assert plateau.reached(trials(50 + 2 * PLATEAU_POINTS, speedup=3.0))


def test_a_deadline_passes_and_none_never_does() -> None:
    assert Deadline(timeout_s=1e-9).passed()
    assert not Deadline(timeout_s=60).passed()
    assert not Deadline(timeout_s=None).passed()
