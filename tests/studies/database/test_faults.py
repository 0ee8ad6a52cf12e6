"""Faults, made to happen for real; docs/reliability.md promises what is tested here."""

from __future__ import annotations

import multiprocessing
import os
import re
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from accel_space.methods import METHODS
from benchmarks.storage.stub_loader import REQUEST, StubLoader, work
from objectives.errors import MeasurementError
from storage.database.opening import Store, open_store
from storage.reading.studies import read_studies
from storage.records.points import point_key
from storage.records.study import Study
from studies.errors import StudyFailedError
from studies.plan import Plan, make_plan
from studies.run.measuring import PipelineLoader
from studies.run.progress import Progress
from studies.run.runner import run_study
from tests.made_records import changed
from tests.studies.conftest import MakeRequest
from tests.studies.database.own_server import OwnServer, crash, mortal_server, own_server
from tests.studies.run.conftest import open_budget

__all__ = ["mortal_server", "own_server"]

fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def plan() -> Plan:
    request = replace(REQUEST, methods=("deepcache", "tome"), steps=6, trials=8)
    return make_plan(replace(request, loss_budget=open_budget(request)))


def read(url: str) -> Study:
    store = open_store(url)
    [record] = read_studies(store)
    store.engine.dispose()
    return record


def is_whole(record: Study, wanted: int = 8) -> bool:
    """Whether a study has its points, each once."""
    points = {point_key(trial.params) for trial in record.trials}
    return len(points) == len(record.trials) == record.states["complete"] == wanted


def test_a_worker_outlives_a_restart_of_postgres(own_server: OwnServer, plan: Plan) -> None:
    url = own_server.get_uri(driver="psycopg")
    waiting = threading.Event()
    generated = 0

    def start_again() -> None:
        assert waiting.wait(60)
        own_server.ensure_postgres_running()

    starter = threading.Thread(target=start_again)

    def generate() -> None:
        nonlocal generated
        generated += 1
        if generated == 4:
            crash(own_server)
            starter.start()

    def watch(progress: Progress) -> None:
        if progress.stage.startswith("the database does not answer ("):
            waiting.set()

    outcome = work(url, plan, generate, watch=watch)
    starter.join()
    assert outcome.reason == "trials"
    assert is_whole(outcome.study)
    confirmed = [trial for trial in outcome.study.trials if trial.confirmed is not None]
    assert confirmed and generated == 8 + len(confirmed), "nothing is measured twice"


def test_a_database_that_stays_away_ends_the_study_in_one_line(
    own_server: OwnServer, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.retry.WAIT_S", 2)
    url = own_server.get_uri(driver="psycopg").replace("postgres:@", "postgres:hunter2@")
    start = time.monotonic()
    with pytest.raises(StudyFailedError) as ended:
        work(url, plan, lambda: crash(own_server))
    told = re.search(r"did not answer for (\d+) s", str(ended.value))
    # As long as it was, which is no more than the whole run.
    assert told is not None and 1 <= int(told[1]) <= time.monotonic() - start + 1
    assert "the same command resumes the study" in str(ended.value)
    assert "hunter2" not in str(ended.value) and "\n" not in str(ended.value)
    own_server.ensure_postgres_running()
    assert is_whole(work(url, plan, lambda: None).study)


def suspend_between_writes(pid: int, url: str) -> None:
    """Suspend a worker; one that held a lock on the database would hold the others up."""
    while True:
        process = psutil.Process(pid)
        process.suspend()
        while process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        database = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0.1)
        with closing(database), suppress(sqlite3.OperationalError):
            database.execute("BEGIN EXCLUSIVE")
            return
        process.resume()


def test_a_worker_woken_after_it_was_given_up_spoils_nothing(
    storage_url: str, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.opening.HEARTBEAT_S", 1)
    monkeypatch.setattr("storage.database.opening.GRACE_S", 2)
    measuring, woken = fork.Event(), fork.Event()

    def sleepy() -> None:
        measuring.set()
        assert woken.wait(60)

    suspended = fork.Process(target=work, args=(storage_url, plan, sleepy))
    suspended.start()
    assert suspended.pid is not None
    assert measuring.wait(60)
    suspend_between_writes(suspended.pid, storage_url)
    time.sleep(4)  # Its grace, and what clocks of whole seconds leave out.
    other = fork.Process(target=work, args=(storage_url, plan, lambda: None))
    other.start()
    other.join(60)
    assert other.exitcode == 0
    assert is_whole(read(storage_url))
    os.kill(suspended.pid, signal.SIGCONT)
    woken.set()
    suspended.join(60)
    assert suspended.exitcode == 0
    assert is_whole(read(storage_url))


def test_a_full_disk_loses_no_trial(storage_url: str, plan: Plan) -> None:
    few = replace(plan, request=replace(plan.request, trials=3))
    before = work(storage_url, few, lambda: None).study.trials
    database = Path(storage_url.removeprefix("sqlite:///"))
    said = fork.Queue()

    def cramped() -> None:
        size = database.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        try:
            work(storage_url, plan, lambda: None)
        except StudyFailedError as error:
            said.put(str(error))

    worker = fork.Process(target=cramped)
    worker.start()
    message = said.get(timeout=60)
    worker.join()
    assert "the same command resumes the study" in message and "\n" not in message
    study = work(storage_url, plan, lambda: None).study
    for now, then in zip(study.trials[:3], before, strict=True):
        # What was not confirmed may be by now, as that goes by the whole study.
        assert now == then or (then.confirmed is None and changed(now, confirmed=None) == then)
    assert is_whole(study)


Broken = Callable[[Any], None]


def raise_out_of_memory(pipe: Any) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory")


def break_for_good(pipe: Any) -> None:
    with torch.no_grad():
        for weight in pipe.unet.parameters():
            weight.mul_(0)
    raise KeyError("no such block")


@pytest.mark.parametrize(
    ("fault", "reason", "loads"),
    [(raise_out_of_memory, "out of memory", 1), (break_for_good, "no such block", 2)],
)
def test_after_a_failed_trial_the_next_is_measured_on_a_sound_pipe(
    make_request: MakeRequest,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    fault: Broken,
    reason: str,
    loads: int,
) -> None:
    accelerate = METHODS["deepcache"].accelerate
    seen: list[str] = []

    @wraps(accelerate)
    def fail_once(pipe: Any, generate: Any, **params: Any) -> Any:
        monkeypatch.setattr(METHODS["deepcache"], "accelerate", accelerate)
        fault(pipe)

    monkeypatch.setattr(METHODS["deepcache"], "accelerate", fail_once)
    plan = make_plan(make_request(steps=2, trials=1))
    outcome = run_study(plan, store, lambda progress: seen.append(progress.stage))
    assert [reason in why for why in outcome.failures.values()] == [True]
    assert len(outcome.study.trials) == 1
    assert outcome.study.states == {"fail": 1, "complete": 1}
    assert seen.count("loading tiny-shapes") == loads


def test_pictures_of_nan_fail_the_trial_with_that_reason(
    make_request: MakeRequest,
    store: Store,
    loader: PipelineLoader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("accel_space.stack.Stack.applied", nan_pictures)
    with pytest.raises(StudyFailedError, match="non-finite pictures"):
        run_study(make_plan(make_request(steps=2, trials=2)), store, loader=loader)


def nan_pictures(stack: Any, pipe: Any, *_: Any) -> Any:
    @contextmanager
    def applied() -> Iterator[Any]:
        def generate(**call: Any) -> Any:
            made = pipe(**call)
            made.images = made.images * float("nan")
            return made

        yield generate

    return applied()


def test_a_trial_that_takes_too_long_fails_with_that_reason(
    make_request: MakeRequest, store: Store, loader: PipelineLoader
) -> None:
    plan = make_plan(make_request(steps=2, trials=2, trial_timeout_s=1e-3))
    with pytest.raises(StudyFailedError, match=r"took longer than 0\.001 s"):
        run_study(plan, store, loader=loader)


class NeverSound(StubLoader):
    def load(self, *arguments: Any) -> Any:
        instrument = super().load(*arguments)
        instrument.objective.prove = self.refuse  # type: ignore[method-assign]
        return instrument

    def refuse(self, baseline: Any) -> None:
        raise MeasurementError("black pictures")


def test_a_pipe_that_is_broken_when_loaded_anew_ends_the_study(store: Store, plan: Plan) -> None:
    def fail() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(StudyFailedError, match=r"loaded anew.*black pictures.*resumes"):
        run_study(plan, store, loader=NeverSound(fail))
    [record] = read_studies(store)
    assert record.states == {"fail": 1}
