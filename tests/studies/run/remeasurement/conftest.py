from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.storage.stub_loader import REQUEST
from studies.plan import Plan, make_plan
from studies.run.remeasurement.disturbance import to_time_again


@pytest.fixture(scope="module")
def plan() -> Plan:
    """A study whose answer is trial 3, with one that may be faster: trial 0."""
    return make_plan(replace(REQUEST, trials=8, loss_budget=0.02))


@pytest.fixture(scope="module")
def open_plan() -> Plan:
    """A study with two that may be faster than trial 3: trial 0, and less likely trial 8."""
    return make_plan(replace(REQUEST, trials=16, loss_budget=0.0205))


@pytest.fixture(autouse=True)
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is disturbed is timed again here, as people's studies do."""
    monkeypatch.setattr("studies.run.remeasurement.due.to_time_again", to_time_again)
