from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import text

from storage.database.opening import Store
from storage.study_store.attributes import MEASUREMENT, POINT, REASON
from storage.study_store.claims import Claim, claim, list_claims
from storage.study_store.recovery import recover


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
    assert study.get_trials()[0].state == TrialState.RUNNING
    monkeypatch.setattr("storage.study_store.recovery.GRACE_S", 0)
    recover(study, store)
    assert study.get_trials()[0].state == TrialState.FAIL


def test_a_trial_that_its_worker_completed_after_all_keeps_its_point(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = optuna.create_study(storage=store.optuna, directions=["maximize", "minimize"])
    trial = study.ask()
    trial.set_user_attr(POINT, {"a": 1})
    trial.set_user_attr(MEASUREMENT, {})
    claim(store.engine, study._study_id, "a=1", trial.number)

    def complete_and_die(claimed: Claim) -> bool:
        # After the trial was read, and before its process is.
        study.tell(trial, [2.0, 0.0])
        return True

    monkeypatch.setattr(Claim, "is_orphaned", complete_and_die)
    recover(study, store)
    assert study.trials[0].state == TrialState.COMPLETE
    for _ in range(2):
        assert [each.point for each in list_claims(store.engine, study._study_id)] == ["a=1"]
        recover(study, store)


def test_a_worker_elsewhere_is_dead_when_its_heartbeat_stops(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = optuna.create_study(storage=store.optuna, directions=["maximize", "minimize"])
    trial = study.ask()
    store.optuna.record_heartbeat(trial._trial_id)  # type: ignore[attr-defined]
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("storage.study_store.claims.this_host", lambda: "elsewhere")
        claim(store.engine, study._study_id, "a=1", trial.number)
    recover(study, store)
    assert study.get_trials()[0].state == TrialState.RUNNING
    store.optuna._backend.grace_period = 1  # type: ignore[attr-defined]
    time.sleep(3)
    recover(study, store)
    assert study.get_trials()[0].state == TrialState.FAIL
    assert study.trials[0].user_attrs[REASON] == "its worker died"
    assert list_claims(store.engine, study._study_id) == []


def test_a_worker_that_works_here_is_not_dead_because_the_clock_was_set_forward(
    store: Store,
) -> None:
    study = optuna.create_study(storage=store.optuna, directions=["maximize", "minimize"])
    trial = study.ask()
    fork = multiprocessing.get_context("fork")
    worker = fork.Process(target=time.sleep, args=(60,))
    worker.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.getpid", lambda: worker.pid)
        claim(store.engine, study._study_id, "a=1", trial.number)
    store.optuna.record_heartbeat(trial._trial_id)  # type: ignore[attr-defined]
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE trial_heartbeats SET heartbeat = '2001-01-01 00:00:00'"))
    assert store.optuna._get_stale_trial_ids(study._study_id)  # type: ignore[attr-defined]
    recover(study, store)
    assert study.get_trials()[0].state == TrialState.RUNNING
    worker.kill()
    worker.join()
    recover(study, store)
    assert study.get_trials()[0].state == TrialState.FAIL
