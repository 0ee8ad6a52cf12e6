"""The lossless point comes first, whoever measures it: several workers, and whoever resumes."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import replace
from typing import Any

import pytest

from accel_space.methods import METHODS
from benchmarks.storage.stub_loader import REQUEST, work
from storage.database.opening import open_store
from storage.reading.studies import read_studies
from storage.records.study import Study
from studies.plan import Plan, make_plan
from tests.tiers.covering import taking_turns

fork = multiprocessing.get_context("fork")

pytestmark = pytest.mark.skipif(
    bool(METHODS["compile"].why_not_machine("cpu")), reason="compile needs a compiler"
)


@pytest.fixture(scope="module", params=taking_turns(["auto", "grid", "random"], of=3))
def plan(request: pytest.FixtureRequest) -> Plan:
    return make_plan(
        replace(
            REQUEST,
            methods=("deepcache", "compile"),
            steps=6,
            trials=4,
            confirm=False,
            sampler=request.param,
        )
    )


def read(url: str) -> Study:
    [record] = read_studies(open_store(url))
    return record


def is_lossless(trial: Any, plan: Plan) -> bool:
    return bool(trial.params == plan.stack.lossless_default)


def test_two_workers_that_start_at_once_measure_it_first_and_once(
    storage_url: str, plan: Plan
) -> None:
    starting = fork.Barrier(2)

    def worker() -> None:
        starting.wait(60)
        work(storage_url, plan, lambda: time.sleep(0.1))

    crew = [fork.Process(target=worker) for _ in range(2)]
    for process in crew:
        process.start()
    for process in crew:
        process.join(120)
    assert [process.exitcode for process in crew] == [0, 0]
    trials = read(storage_url).trials
    assert [is_lossless(trial, plan) for trial in trials] == [True, False, False, False]


def test_whoever_resumes_a_study_that_was_killed_at_it_measures_it_first(
    storage_url: str, plan: Plan
) -> None:
    killed = fork.Process(target=work, args=(storage_url, plan, lambda: os._exit(9)))
    killed.start()
    killed.join(120)
    assert killed.exitcode == 9 and read(storage_url).trials == []
    resumed = work(storage_url, plan, lambda: None).study
    assert [is_lossless(trial, plan) for trial in resumed.trials] == [True, False, False, False]
    more = replace(plan, request=replace(plan.request, trials=6))
    again = work(storage_url, more, lambda: None).study
    assert len(again.trials) == 6 and again.trials[:4] == resumed.trials
    assert sum(is_lossless(trial, plan) for trial in again.trials) == 1
