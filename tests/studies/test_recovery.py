from __future__ import annotations

import time
from collections.abc import Iterator

import optuna
import pytest
from optuna.trial import TrialState

from storage.store import Store
from studies.recovery import recover


@pytest.fixture(params=["UTC", "Asia/Tokyo", "America/New_York"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def test_a_trial_without_a_point_is_dead_after_the_grace_in_every_time_zone(
    store: Store, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = optuna.create_study(storage=store.optuna, directions=["maximize", "minimize"])
    study.ask()
    recover(study, store)
    assert study.trials[0].state == TrialState.RUNNING
    monkeypatch.setattr("studies.recovery.GRACE_S", 0)
    recover(study, store)
    assert study.trials[0].state == TrialState.FAIL
