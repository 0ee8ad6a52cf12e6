"""The study store alone, without plans, samplers of ours or a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.samplers import GridSampler
from sqlalchemy import delete

from storage.database.opening import Store, open_store
from storage.errors import StudyDeletedError, StudyRefusedError
from storage.reading.studies import read_studies
from storage.records.budgets import Budgets
from storage.records.environment import Environment
from storage.records.points import by_whole_names
from storage.records.study import Origin, Space, Study
from storage.study_store.deletions import raising_deleted
from storage.study_store.opening import StudyDefinition
from storage.study_store.points import ask
from storage.study_store.rows import TRIALS
from storage.study_store.store import StudyStore
from tests.made_records import (
    changed,
    made_combination,
    made_measurement,
    made_protocol,
)

DISTRIBUTIONS: dict[str, Any] = {"cache_interval": IntDistribution(2, 4)}

DEFINITION = StudyDefinition(
    name=made_combination().study_name("0a1b2c3d"),
    combination=made_combination(),
    scheduler_settings={},
    protocol=made_protocol(),
    environment=Environment(device="a CPU", versions={"torch": "2.11.0"}),
    space=Space(distinct=3, grid=3, choices={"deepcache.cache_interval": [2, 3, 4]}),
    origin=Origin(),
    files={},
)


MADE = made_measurement(1.5, 0.0123456789)


def opened(store: Store, **changes: Any) -> StudyStore:
    return StudyStore(store, replace(DEFINITION, **changes), lambda known: known or Budgets(0.02))


def begin(study_store: StudyStore, wanted: int = 3) -> tuple[optuna.Trial, bool]:
    """Ask for a trial of a new point, and claim it."""
    sampler = GridSampler({"cache_interval": [2, 3, 4]}, seed=0)
    trial = ask(study_store.study, sampler, DISTRIBUTIONS)
    return trial, study_store.points.claim(trial, dict(trial.params), wanted)


def test_a_point_is_claimed_kept_and_read_back(store: Store) -> None:
    study_store = opened(store)
    trial, claimed = begin(study_store)
    assert (claimed, study_store.under_way()) == (True, 1)
    with study_store.points.heartbeat(trial):
        assert study_store.points.keep(trial, MADE, sampling_s=0.5, pictures={})
    [record] = read_studies(store)
    [point] = record.trials
    assert (point.params, point.speedup, record.budgets) == (
        by_whole_names(trial.params),
        1.5,
        Budgets(0.02),
    )
    assert study_store.read().trials == record.trials
    assert study_store.under_way() == 0
    [stored] = study_store.study.get_trials()
    assert stored.user_attrs["measurement"]["clip_loss"] == 0.0123457, "to six digits"
    assert stored.values == [1.5, 0.0123457], "and Optuna is told the same"
    shown = point.as_json()
    assert (shown["clip_loss"], shown["judged_clip_loss"]) == (0.0123457, 0.0123457)
    assert stored.user_attrs["feasible"] is True


def test_no_more_is_claimed_than_is_wanted(store: Store) -> None:
    study_store = opened(store)
    trial, _ = begin(study_store, wanted=1)
    other, claimed = begin(study_store, wanted=1)
    assert not claimed
    study_store.points.repeat(other, None)
    study_store.points.fail(trial, "the network is away")
    assert begin(study_store, wanted=1)[1], "a point that failed makes room"


def test_a_fault_of_its_own_keeps_a_point_until_versions_change(store: Store) -> None:
    study_store = opened(store)
    trial, _ = begin(study_store)
    study_store.points.fail(trial, "black pictures", own_fault=True)
    study_store.free_failed(all_of_them=False)
    assert [failure.reason for failure in study_store.read().failed] == ["black pictures"]
    newer = Environment(device="a CPU", versions={"torch": "2.12.0"})
    with pytest.raises(StudyRefusedError, match=r"torch 2\.11\.0 -> 2\.12\.0"):
        opened(store, environment=newer)
    again = StudyStore(
        store, replace(DEFINITION, environment=newer), lambda known: Budgets(0.02), allow_drift=True
    )
    again.free_failed(all_of_them=False)
    assert (again.read().failed, again.taken()) == ([], {})


def test_another_space_is_refused(store: Store) -> None:
    opened(store)
    with pytest.raises(StudyRefusedError, match="another release"):
        opened(store, space=Space(distinct=2, grid=2, choices={"deepcache.cache_interval": [2, 3]}))


def test_metrics_that_workers_add_at_once_are_all_kept(url: str, store: Store) -> None:
    opened(store)
    added = [f"metric_{number}" for number in range(6)]

    def add(metric: str) -> None:
        own = open_store(url)
        metrics = (*DEFINITION.protocol.metrics, metric)
        opened(own, protocol=changed(DEFINITION.protocol, metrics=metrics))
        own.engine.dispose()

    with ThreadPoolExecutor(len(added)) as pool:
        list(pool.map(add, added))
    assert {*added} <= {*opened(store).read().protocol.metrics}


def test_a_remeasurement_counts_as_no_point_and_is_taken_once(store: Store) -> None:
    study_store = opened(store)
    trial, _ = begin(study_store)
    study_store.points.keep(trial, MADE, sampling_s=0.5, pictures={})
    [first] = study_store.read().trials

    def is_done(record: Study) -> bool:
        return record.trials[0].confirmed is not None

    ours = study_store.remeasurements
    trial_id = ours.begin("confirmed: x", first, is_done)
    assert trial_id is not None
    assert ours.begin("confirmed: x", first, is_done) is None
    ours.keep(trial_id, "confirmed", changed(MADE, clip_loss=0.5))
    record = study_store.read()
    assert record.states == {"complete": 1}
    [point] = record.trials
    assert point.clip_loss == 0.0123457
    assert point.judged_loss == pytest.approx((MADE.clip_loss + 0.5) / 2), "as many prompts each"
    assert ours.begin("confirmed: x", first, is_done) is None


def test_a_deleted_study_stops_whoever_is_at_it(store: Store) -> None:
    study_store = opened(store)
    trial, _ = begin(study_store)
    optuna.delete_study(study_name=DEFINITION.name, storage=store.optuna)
    opened(store)
    acts: list[Callable[[], Any]] = [
        study_store.read,
        lambda: study_store.points.keep(trial, MADE, 0.5, {}),
    ]
    for act in acts:
        with pytest.raises(StudyDeletedError, match="were deleted while"):
            with raising_deleted(DEFINITION.name):
                act()
    assert read_studies(store)[0].trials == []


def test_a_trial_whose_number_was_given_out_again_is_claimed_by_nobody(store: Store) -> None:
    study_store = opened(store)
    for _ in range(2):
        study_store.points.fail(begin(study_store)[0], "not now")
    with store.engine.begin() as connection:
        for table in TRIALS.metadata.sorted_tables[::-1]:
            if "trial_id" in table.c:
                first = TRIALS.c.number == 0
                if table is TRIALS:
                    connection.execute(delete(TRIALS).where(first))
                else:
                    ids = TRIALS.select().with_only_columns(TRIALS.c.trial_id).where(first)
                    connection.execute(delete(table).where(table.c.trial_id.in_(ids)))
    with pytest.raises(StudyDeletedError):
        begin(study_store)
