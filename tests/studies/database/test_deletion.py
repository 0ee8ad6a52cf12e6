"""Studies and trials that somebody deletes, between runs and while a worker is at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import optuna
import pytest
from sqlalchemy import Table, delete, insert, select

from benchmarks.storage.stub_loader import REQUEST, StubLoader, work
from storage.database.opening import Store, open_store
from storage.database.schema import claims
from storage.reading.studies import read_studies
from storage.records.points import point_key
from storage.records.study import Study
from storage.study_store.claims import list_claims
from storage.study_store.rows import TRIALS
from studies.errors import StudyFailedError
from studies.plan import make_plan
from tests import command_line

PLAN = make_plan(replace(REQUEST, methods=("deepcache",), steps=6, trials=3, confirm=False))
FIVE = replace(PLAN, request=replace(PLAN.request, trials=5))

STUDIES: Table = optuna.storages._rdb.models.StudyModel.__table__


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    name = {"sqlite": "storage_url", "postgres": "postgres_url"}[request.param]
    return str(request.getfixturevalue(name))


def nothing() -> None:
    """In place of generating."""


def at(number: int, act: Callable[[], Any]) -> Callable[[], None]:
    """In place of generating: do something at the given trial of this process."""
    trials = count(1)

    def generate() -> None:
        if next(trials) == number:
            act()

    return generate


def delete_study(url: str) -> None:
    """As `optuna delete-study` and the dashboard do it."""
    store = open_store(url)
    optuna.delete_study(study_name=PLAN.study_name, storage=store.optuna)
    store.engine.dispose()


def delete_trial(url: str, number: int) -> None:
    """By hand; a server wants what belongs to the trial deleted first."""
    store = open_store(url)
    with store.engine.begin() as connection:
        [trial_id] = connection.scalars(select(TRIALS.c.trial_id).where(TRIALS.c.number == number))
        if connection.dialect.name == "postgresql":
            for table in TRIALS.metadata.sorted_tables:
                if "trial_id" in table.c and table is not TRIALS:
                    connection.execute(delete(table).where(table.c.trial_id == trial_id))
        connection.execute(delete(TRIALS).where(TRIALS.c.trial_id == trial_id))
    store.engine.dispose()


def is_sound(url: str, wanted: int) -> bool:
    """Whether a study has its points each once, each with the claim of its own trial."""
    store = open_store(url)
    [record] = read_studies(store)
    [study] = store.optuna.get_all_studies()
    held = {each.point: each.trial_number for each in list_claims(store.engine, study._study_id)}
    with store.engine.connect() as connection:
        numbers = list(connection.scalars(select(TRIALS.c.number).order_by(TRIALS.c.trial_id)))
    store.engine.dispose()
    measured = {point_key(trial.params): trial.number for trial in record.trials}
    assert sorted(numbers) == list(range(len(numbers)))
    return held == measured and len(measured) == record.states["complete"] == wanted


def test_a_study_begins_anew_after_it_was_deleted(url: str) -> None:
    work(url, PLAN, nothing)
    delete_study(url)
    assert work(url, PLAN, nothing).measured == 3
    assert is_sound(url, 3)


def test_a_study_that_an_earlier_release_ran_on_old_claims_gets_its_points(url: str) -> None:
    work(url, PLAN, nothing)
    store = open_store(url)
    with store.engine.begin() as connection:
        old = [row._asdict() for row in connection.execute(select(claims))]
        delete_study(url)
    work(url, replace(PLAN, request=replace(PLAN.request, trials=1)), nothing)
    with store.engine.begin() as connection:
        # As it was left: the points are held by trials of the deleted study.
        connection.execute(delete(claims).where(claims.c.trial_number > 0))
        [study_id] = connection.scalars(select(STUDIES.c.study_id))
        for row in old[1:]:
            row |= {"id": row["id"] + 100, "study_id": study_id, "trial_number": 0}
            connection.execute(insert(claims).values(**row))
    store.engine.dispose()
    work(url, PLAN, nothing)
    assert is_sound(url, 3)


def test_what_is_left_of_a_study_deleted_by_hand_is_not_taken_for_the_next_ones(
    storage_url: str,
) -> None:
    work(storage_url, PLAN, nothing)
    store = open_store(storage_url)
    with store.engine.begin() as connection:
        connection.execute(delete(STUDIES))
    store.engine.dispose()
    assert work(storage_url, PLAN, nothing).measured == 3
    assert is_sound(storage_url, 3)


@pytest.mark.parametrize("number", [0, 1, 2], ids=["first", "middle", "last"])
def test_a_point_whose_trial_was_deleted_is_measured_again(url: str, number: int) -> None:
    work(url, PLAN, nothing)
    delete_trial(url, number)
    assert work(url, FIVE, nothing).measured == 3
    assert is_sound(url, 5)


@pytest.mark.parametrize("trial", [1, 2])
def test_a_worker_whose_study_is_deleted_ends_with_one_line(url: str, trial: int) -> None:
    with pytest.raises(StudyFailedError, match=r"were deleted while .* the same command") as ended:
        work(url, PLAN, at(trial, lambda: delete_study(url)))
    assert "\n" not in str(ended.value)
    assert work(url, PLAN, nothing).measured == 3
    assert is_sound(url, 3)


@pytest.mark.parametrize("trial", [1, 2])
def test_a_worker_writes_nothing_into_the_study_that_comes_after_its_own(
    url: str, trial: int
) -> None:
    before: list[Study] = []

    def begin_anew() -> None:
        delete_study(url)
        before.append(work(url, PLAN, nothing).study)

    with pytest.raises(StudyFailedError, match="were deleted"):
        work(url, FIVE, at(trial, begin_anew))
    store = open_store(url)
    assert [list(study.trials) for study in read_studies(store)] == [before[0].trials]
    store.engine.dispose()
    assert is_sound(url, 3)


@pytest.mark.parametrize("number", [0, 1, 2], ids=["first", "last-done", "running"])
def test_a_worker_of_whose_study_a_trial_is_deleted_does_no_harm(url: str, number: int) -> None:
    try:
        work(url, FIVE, at(3, lambda: delete_trial(url, number)))
    except StudyFailedError as error:
        assert "were deleted" in str(error)
    work(url, FIVE, nothing)
    assert is_sound(url, 5)


def test_the_command_whose_study_is_deleted_ends_with_1(
    storage_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = StubLoader(at(2, lambda: delete_study(storage_url)))
    monkeypatch.setattr("studies.run.runner.PipelineLoader", lambda: stub)
    answer = command_line.run(
        *("study", "--methods", "deepcache", "--steps", "6", "--device", "cpu", "--trials", "3"),
        *("--storage", storage_url, "--num-samples", "2", "--batch-size", "1", "--no-confirm"),
    )
    assert answer.returncode == 1, answer.stderr
    assert "were deleted while this worker was at it" in answer.stderr.splitlines()[-1]
