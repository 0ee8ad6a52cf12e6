"""Several workers on one study: real processes on real storage, with a stub for the GPU second."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, event, select

from benchmarks.storage.kill_workers import kill_workers
from benchmarks.storage.stub_loader import REQUEST, work
from storage.database.opening import open_store
from storage.errors import StudyRefusedError
from storage.reading.studies import read_studies
from storage.records.points import point_key
from storage.records.study import Study
from studies.plan import Plan, make_plan
from tests.command_line import run

fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(replace(REQUEST, methods=("deepcache", "tome"), steps=6, trials=60))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    name = {"sqlite": "storage_url", "postgres": "postgres_url"}[request.param]
    return str(request.getfixturevalue(name))


def read(url: str) -> Study:
    store = open_store(url)
    [record] = read_studies(store)
    store.engine.dispose()
    return record


def together(*works: Callable[[], Any]) -> list[int | None]:
    """Exit codes of processes that start at once; None of one that has not ended."""
    crew = [fork.Process(target=each) for each in works]
    for process in crew:
        process.start()
    for process in crew:
        process.join(120)
    return [process.exitcode for process in crew]


def test_four_workers_on_nothing_measure_exactly_what_is_wanted(url: str, plan: Plan) -> None:
    few = replace(plan, request=replace(plan.request, trials=24))
    codes = together(*[lambda: work(url, few, lambda: time.sleep(0.05))] * 4)
    record = read(url)
    assert codes == [0] * 4
    assert len({point_key(trial.params) for trial in record.trials}) == 24
    assert record.states == {"complete": 24}


@pytest.mark.thorough
def test_kills_at_random_lose_no_trial_and_double_none(storage_url: str, plan: Plan) -> None:
    few = replace(plan, request=replace(plan.request, trials=20))
    report = kill_workers(storage_url, few, kills=5, seed=3, workers=2, pause_s=0.5)
    # A quick machine may be done before the last kill.
    assert 1 <= report.kills == sum(report.fell.values()) <= 5
    assert (report.lost, report.doubled) == (0, 0)
    assert report.completed == report.wanted == 20


def test_a_kill_before_any_write_loses_no_trial_and_doubles_none(
    tmp_path: Path, plan: Plan
) -> None:
    one, two, three = (replace(plan, request=replace(plan.request, trials=n)) for n in (1, 2, 3))
    begun = tmp_path / "begun.db"
    before = work(f"sqlite:///{begun}", one, lambda: None).study.trials
    assert together(partial(kept_before_each_write, begun, two)) == [0]
    left = sorted(tmp_path.glob("left-*.db"))
    failed = 0
    for database in left:
        record = work(f"sqlite:///{database}", three, lambda: None).study
        assert record.trials[:1] == before
        points = {point_key(trial.params) for trial in record.trials}
        assert len(points) == len(record.trials) == record.states["complete"] == 3
        failed += record.states.get("fail", 0)
    assert len(left) > failed > 1


def kept_before_each_write(database: Path, plan: Plan) -> None:
    """Work on a study, and copy before each row is written what a kill would leave on the disk.

    Who comes later finds in a copy the claims of a process that is gone, as after a kill.
    """
    numbers = count(100)

    def keep(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            number = next(numbers)
            # With the journal of a transaction that is under way.
            for file in database.parent.glob(f"{database.name}*"):
                ending = file.name.removeprefix(database.name)
                copyfile(file, database.with_name(f"left-{number}.db{ending}"))

    event.listen(Engine, "before_cursor_execute", keep)
    work(f"sqlite:///{database}", plan, lambda: None)


def test_of_two_library_versions_at_once_one_is_refused(url: str, plan: Plan) -> None:
    def with_version(version: str) -> Callable[[], None]:
        versions = {**plan.environment.versions, "DeepCache": version}
        environment = plan.environment.model_copy(update={"versions": versions})
        other = replace(plan, environment=environment, request=replace(plan.request, trials=4))

        def work_or_be_refused() -> None:
            try:
                work(url, other, lambda: time.sleep(0.05))
            except StudyRefusedError as error:
                assert "DeepCache" in str(error)
                os._exit(2)

        return work_or_be_refused

    assert set(together(with_version("1.0"), with_version("1.1"))) == {0, 2}
    assert len(read(url).trials) == 4


def test_another_protocol_or_device_is_another_study(plan: Plan) -> None:
    protocol = plan.protocol.model_copy(update={"seed": 1})
    environment = plan.environment.model_copy(update={"device": "another GPU"})
    others = replace(plan, protocol=protocol), replace(plan, environment=environment)
    assert len({plan.study_name, *(other.study_name for other in others)}) == 3


def test_a_password_is_in_nothing_that_a_run_leaves(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server trusts its socket and takes any password.
    url = postgres_url.replace("postgres:@", "postgres:hunter2@")
    assert "hunter2" in url
    monkeypatch.setenv("ACCELFRONT_STORAGE", url)
    quick = ("--steps", "2", "--num-samples", "2", "--batch-size", "1", "--device", "cpu")
    said = ""
    for arguments in (
        ("study", "--methods", "deepcache", *quick, "--trials", "1", "--req-score-loss", "0.5"),
        ("generate", "Make tiny-shapes 1% faster at 2 steps with DeepCache", "--out", "scripts"),
        ("report", "--out", "report.html"),
        ("export", "--format", "json", "--out", "studies.json"),
        ("front", "no such study"),
    ):
        answer = run(*arguments, cwd=tmp_path)
        said += answer.stdout + answer.stderr
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
