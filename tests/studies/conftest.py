from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from storage.database.opening import Store, open_store
from studies.request import StudyRequest
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

QUICK = StudyRequest(
    pipeline="tiny-shapes",
    scheduler="DDIM",
    steps=6,
    methods=("deepcache",),
    trials=16,
    num_samples=2,
    batch_size=1,
    device="cpu",
    loss_budget=0.5,
    confirm=False,
)
"""The shipped pipeline, at a size that measures a point within a second."""

MakeRequest = Callable[..., StudyRequest]


@pytest.fixture
def make_request() -> MakeRequest:
    """A quick request, with what is given changed."""

    def make(**changes: object) -> StudyRequest:
        return replace(QUICK, **changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/a.db"


@pytest.fixture
def store(storage_url: str) -> Store:
    return open_store(storage_url, create=True)


@pytest.fixture
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is timed again, however busy the machine that runs the tests is."""
    monkeypatch.setattr("studies.run.remeasurement.due.to_time_again", lambda trials, front: [])
