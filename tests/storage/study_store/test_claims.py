from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import event

from storage.database.opening import Store
from storage.database.processes import BOOT, this_boot, this_host
from storage.study_store.claims import Claim, claim, list_claims, release
from tests.storage.study_store.workers import (
    STUDY_ID,
    claim_all,
    claim_and_wait,
    claim_up_to,
    fork,
    run_at_once,
)

Opened = Callable[..., Store]


def held(store: Store, study_id: int = STUDY_ID) -> dict[str, int]:
    return {each.point: each.trial_number for each in list_claims(store.engine, study_id)}


def test_point_is_taken_once_in_its_study(store: Store) -> None:
    assert claim(store.engine, STUDY_ID, "a=1", 0)
    assert not claim(store.engine, STUDY_ID, "a=1", 1)
    assert claim(store.engine, STUDY_ID, "a=2", 1)
    assert claim(store.engine, STUDY_ID + 1, "a=1", 0)
    assert held(store) == {"a=1": 0, "a=2": 1}
    assert held(store, STUDY_ID + 1) == {"a=1": 0}
    assert held(store, STUDY_ID + 2) == {}


def test_point_of_the_stack_of_nothing_can_be_taken(store: Store) -> None:
    assert claim(store.engine, STUDY_ID, "", 0)
    assert not claim(store.engine, STUDY_ID, "", 1)


def test_released_point_can_be_taken_again(store: Store) -> None:
    claim(store.engine, STUDY_ID, "a=1", 0)
    claim(store.engine, STUDY_ID, "a=2", 1)
    claim(store.engine, STUDY_ID + 1, "a=1", 0)
    release(store.engine, STUDY_ID, 0)
    assert held(store) == {"a=2": 1}
    assert held(store, STUDY_ID + 1) == {"a=1": 0}
    assert claim(store.engine, STUDY_ID, "a=1", 5)


def test_releasing_what_was_never_taken_changes_nothing(store: Store) -> None:
    claim(store.engine, STUDY_ID, "a=1", 0)
    release(store.engine, STUDY_ID, 99)
    assert held(store) == {"a=1": 0}


def test_four_processes_share_the_points_without_overlap(store: Store, url: str) -> None:
    points = [f"ratio={index}" for index in range(25)]
    won = run_at_once(claim_all, 4, url, points)
    assert sorted(point for part in won for point in part) == sorted(points)
    assert held(store) == {point: number for number, point in enumerate(points)}
    pids = {each.pid for each in list_claims(store.engine, STUDY_ID)}
    assert os.getpid() not in pids


def test_claim_of_this_process_is_no_orphan(store: Store) -> None:
    claim(store.engine, STUDY_ID, "a=1", 3)
    (own,) = list_claims(store.engine, STUDY_ID)
    assert (own.point, own.trial_number) == ("a=1", 3)
    assert (own.host.partition(BOOT)[0], own.pid) == (this_host(), os.getpid())
    assert not own.is_orphaned()


@pytest.fixture
def worker(store: Store, url: str) -> Iterator[Any]:
    """Another process that holds the point a=1."""
    results = fork.Queue()
    process = fork.Process(target=claim_and_wait, args=(url, "a=1", results), daemon=True)
    process.start()
    assert results.get(timeout=60)
    yield process
    process.kill()
    process.join()


def test_claim_of_a_killed_process_is_an_orphan(store: Store, worker: Any) -> None:
    (claimed,) = list_claims(store.engine, STUDY_ID)
    assert claimed.pid == worker.pid
    assert not claimed.is_orphaned()
    process = psutil.Process(worker.pid)
    process.kill()
    # Until its parent asks how it ended, it stays in the table of processes.
    while process.status() != psutil.STATUS_ZOMBIE:
        pass
    assert claimed.is_orphaned()
    worker.join()
    assert claimed.is_orphaned()


@pytest.fixture
def own(store: Store) -> Claim:
    """A claim of this process."""
    claim(store.engine, STUDY_ID, "a=1", 0)
    (own,) = list_claims(store.engine, STUDY_ID)
    return own


@pytest.fixture
def own_before() -> Claim:
    """A claim of this process as earlier releases wrote it."""
    return Claim("a=1", 0, this_host(), os.getpid(), psutil.Process().create_time())


def test_number_of_a_dead_process_may_be_given_again(own: Claim, own_before: Claim) -> None:
    for each in (own, own_before):
        assert each.is_own() and not each.is_orphaned()
        for later in (-60, 60):
            other = replace(each, process_start=each.process_start + later)
            assert other.is_orphaned() and not other.is_own()


def test_claim_from_before_the_machine_was_started_anew_is_an_orphan(own: Claim) -> None:
    assert own.host.endswith(this_boot())
    before = replace(own, host=own.host.replace(this_boot(), str(uuid4())))
    assert before.is_orphaned() and not before.is_own()


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the kernel tell of its boot what it does after the clock was set by so many seconds."""
    before = psutil.boot_time()

    def step(seconds: float) -> None:
        monkeypatch.setattr("psutil._pslinux.boot_time", lambda: before + seconds)

    return step


@pytest.mark.skipif(not this_boot(), reason="only Linux tells when a process began without a clock")
@pytest.mark.parametrize("seconds", [-86400, -2, 2, 86400])
def test_claim_of_a_live_worker_is_no_orphan_when_the_clock_is_set(
    store: Store, worker: Any, set_clock: Callable[[float], None], seconds: float
) -> None:
    (claimed,) = list_claims(store.engine, STUDY_ID)
    began = psutil.Process(worker.pid).create_time()
    set_clock(seconds)
    assert psutil.Process(worker.pid).create_time() - began == pytest.approx(seconds, abs=0.1)
    assert claimed.is_working() and not claimed.is_orphaned()


def test_suspended_worker_is_there_but_does_not_work(store: Store, worker: Any) -> None:
    (claimed,) = list_claims(store.engine, STUDY_ID)
    process = psutil.Process(worker.pid)
    process.suspend()
    while process.status() != psutil.STATUS_STOPPED:
        pass
    assert not claimed.is_orphaned() and not claimed.is_working()
    process.resume()
    while process.status() == psutil.STATUS_STOPPED:
        pass
    assert claimed.is_working()


def test_claim_of_another_host_is_never_called_an_orphan() -> None:
    elsewhere = Claim("a=1", 0, f"elsewhere.invalid{BOOT}{uuid4()}", os.getpid(), 0.0)
    assert not elsewhere.is_orphaned() and not elsewhere.is_working()
    assert not replace(elsewhere, pid=2**22 + 1, process_start=0.0).is_orphaned()


def test_lost_database_is_not_taken_for_a_taken_point(store: Store) -> None:
    @event.listens_for(store.engine, "before_cursor_execute")
    def fail(*args: object) -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        claim(store.engine, STUDY_ID, "a=1", 0)


def test_repeating_a_claim_that_came_through_changes_nothing(store: Store) -> None:
    # As after a commit of which nobody knows whether it was done.
    assert claim(store.engine, STUDY_ID, "a=1", 0)
    assert claim(store.engine, STUDY_ID, "a=1", 0)
    assert not claim(store.engine, STUDY_ID, "a=1", 1)
    assert held(store) == {"a=1": 0}


def test_a_study_with_its_claims_gets_no_more(store: Store) -> None:
    assert claim(store.engine, STUDY_ID, "a=1", 0, limit=1)
    assert not claim(store.engine, STUDY_ID, "a=2", 1, limit=1)
    assert claim(store.engine, STUDY_ID + 1, "a=2", 1, limit=1)
    release(store.engine, STUDY_ID, 0)
    assert claim(store.engine, STUDY_ID, "a=2", 2, limit=1)


def test_of_four_processes_that_count_at_once_none_exceeds_the_limit(
    store: Store, url: str
) -> None:
    won = run_at_once(claim_up_to, 4, url, 10)
    assert sum(won) == len(held(store)) == 10
