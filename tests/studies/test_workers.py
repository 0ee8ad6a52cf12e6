"""Several workers on one study: real processes on real storage, with a stub for the GPU second."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, select

from accel_space.stack import point_key
from benchmarks.kill_workers import PLACES, kill_workers
from benchmarks.stub import REQUEST, work
from storage.records import StudyRecord, read_studies
from storage.store import open_store
from studies.errors import StudyRefusedError
from studies.plan import Plan, make_plan

fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(replace(REQUEST, trials=60))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    name = {"sqlite": "storage_url", "postgres": "postgres_url"}[request.param]
    return str(request.getfixturevalue(name))


def read(url: str) -> StudyRecord:
    store = open_store(url)
    [record] = read_studies(store)
    store.engine.dispose()
    return record


def together(*works: Callable[[], Any]) -> list[int]:
    """Exit codes of processes that start at once."""
    crew = [fork.Process(target=each) for each in works]
    for process in crew:
        process.start()
    for process in crew:
        process.join(120)
    return [process.exitcode for process in crew]


def test_four_workers_on_nothing_measure_exactly_what_is_wanted(url: str, plan: Plan) -> None:
    codes = together(*[lambda: work(url, plan, lambda: time.sleep(0.05))] * 4)
    record = read(url)
    assert codes == [0] * 4
    assert len({point_key(trial.params) for trial in record.trials}) == 60
    assert record.states == {"complete": 60}


def test_kills_lose_no_trial_and_double_none(storage_url: str, plan: Plan) -> None:
    few = replace(plan, request=replace(plan.request, trials=20))
    report = kill_workers(storage_url, few, kills=5, seed=3, workers=2)
    assert (report.kills, report.lost, report.doubled) == (5, 0, 0)
    assert report.completed == report.wanted == 20
    assert set(PLACES) <= report.fell.keys()


def test_of_two_library_versions_at_once_one_is_refused(url: str, plan: Plan) -> None:
    def with_version(version: str) -> Callable[[], None]:
        versions = {**plan.environment.versions, "tgate": version}
        environment = plan.environment.model_copy(update={"versions": versions})
        other = replace(plan, environment=environment, request=replace(plan.request, trials=4))

        def run() -> None:
            try:
                work(url, other, lambda: time.sleep(0.05))
            except StudyRefusedError as error:
                assert "tgate" in str(error)
                os._exit(2)

        return run

    assert sorted(together(with_version("1.0"), with_version("1.1"))) == [0, 2]
    assert len(read(url).trials) == 4


def test_another_protocol_or_device_is_another_study(plan: Plan) -> None:
    protocol = plan.protocol.model_copy(update={"seed": 1})
    environment = plan.environment.model_copy(update={"device": "another GPU"})
    others = replace(plan, protocol=protocol), replace(plan, environment=environment)
    assert len({plan.study_name, *(other.study_name for other in others)}) == 3


def test_a_password_is_in_nothing_that_a_run_leaves(postgres_url: str, tmp_path: Path) -> None:
    # The server trusts its socket and takes any password.
    url = postgres_url.replace("postgres:@", "postgres:hunter2@")
    assert "hunter2" in url
    accelfront = (sys.executable, "-m", "accelfront")
    quick = ("--steps", "6", "--num-samples", "2", "--batch-size", "1", "--device", "cpu")
    said = ""
    for arguments in (
        ("study", "--methods", "deepcache", *quick, "--trials", "2", "--req-score-loss", "0.9"),
        ("generate", "Make tiny-shapes 1% faster at 6 steps with DeepCache", "--out", "scripts"),
        ("report", "--out", "report.html"),
        ("export", "--format", "json", "--out", "studies.json"),
        ("front", "no such study"),
    ):
        ended = subprocess.run(
            [*accelfront, *arguments],
            cwd=tmp_path,
            env={**os.environ, "ACCELFRONT_STORAGE": url, "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            check=False,
        )
        said += ended.stdout + ended.stderr
    assert "points measured" in said and "has no study" in said
    assert (tmp_path / "report.html").exists() and (tmp_path / "studies.json").exists()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    left = b"".join(path.read_bytes() for path in files)
    assert "hunter2" not in said
    assert b"hunter2" not in left
    assert "hunter2" not in everything_in(postgres_url)


def everything_in(url: str) -> str:
    """The content of every table."""
    engine = open_store(url).engine
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = [
            [str(value) for value in row]
            for table in tables.tables.values()
            for row in connection.execute(select(table))
        ]
    engine.dispose()
    return json.dumps(rows)
