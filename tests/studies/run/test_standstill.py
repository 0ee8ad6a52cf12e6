"""Runs whose proposals come to nothing, on real storage that takes no claim any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count

import pytest

from benchmarks.storage.stub_loader import REQUEST, StubLoader, work
from storage.database.opening import Store
from storage.reading.studies import read_studies
from studies.errors import StudyFailedError
from studies.plan import make_plan
from studies.request import SAMPLERS
from studies.run.stopping import MAX_FRUITLESS, Standstill
from tests import command_line
from tests.studies.run.conftest import open_budget
from tests.tiers.covering import taking_turns

QUICK = replace(REQUEST, methods=("deepcache",), steps=6, trials=4, confirm=False)


def refuse_claims(url: str, which: str) -> None:
    """Let the database drop what is to be claimed, as if another worker always came first."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        database.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT ON accelfront_claims WHEN {which} "
            "BEGIN SELECT RAISE(IGNORE); END"
        )
        database.commit()


def trials(store: Store) -> int:
    [study] = store.optuna.get_all_studies()
    return len(store.optuna.get_all_trials(study._study_id))


@pytest.mark.parametrize("sampler", taking_turns(SAMPLERS, of=3))
def test_a_run_whose_proposals_come_to_nothing_ends_whoever_proposes(
    storage_url: str, store: Store, sampler: str
) -> None:
    refuse_claims(storage_url, "1")
    with pytest.raises(StudyFailedError, match=r"stands still.*cache_interval.*--sampler"):
        work(storage_url, make_plan(replace(QUICK, sampler=sampler)), lambda: None)
    assert trials(store) == MAX_FRUITLESS


def test_what_was_measured_before_is_kept(storage_url: str, store: Store) -> None:
    done: Iterator[int] = count(1)

    def generate() -> None:
        if next(done) == 3:
            refuse_claims(storage_url, "1")

    with pytest.raises(StudyFailedError, match="stands still"):
        work(storage_url, make_plan(QUICK), generate)
    [study] = read_studies(store)
    assert len(study.trials) == 3


def test_a_second_look_that_is_never_to_be_had_ends_the_run(storage_url: str, store: Store) -> None:
    refuse_claims(storage_url, "NEW.point LIKE 'confirmed: %'")
    with pytest.raises(StudyFailedError, match=r"stands still.*confirmed: cache_interval"):
        work(
            storage_url,
            make_plan(replace(QUICK, confirm=True, loss_budget=open_budget(QUICK))),
            lambda: None,
        )
    assert trials(store) == 4 + MAX_FRUITLESS


def test_the_command_says_so_in_one_line(
    storage_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_claims(storage_url, "1")
    monkeypatch.setattr("studies.run.runner.PipelineLoader", lambda: StubLoader(lambda: None))
    answer = command_line.run(
        *("study", "--methods", "deepcache", "--steps", "6", "--device", "cpu"),
        *("--storage", storage_url),
    )
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith("accelfront: the study stands still: of 20")


def test_proposals_that_others_were_first_to_take_are_not_fruitless() -> None:
    standstill = Standstill()
    for number in range(3 * MAX_FRUITLESS):
        standstill.note("a=1", [f"a={other}" for other in range(number)])
    with pytest.raises(StudyFailedError, match="a=1"):
        for _ in range(MAX_FRUITLESS):
            standstill.note("a=1", ["a=1"])
