"""What other processes do in these tests."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from queue import Queue
from typing import Any

from storage.database.opening import open_store
from storage.study_store.claims import claim

STUDY_ID = 7

fork = multiprocessing.get_context("fork")


def run_at_once(work: Callable[..., Any], count: int, *args: Any) -> list[Any]:
    """Run something in several processes that begin together; what each returns or raises."""
    results: Any = fork.Queue()
    barrier = fork.Barrier(count)
    processes = [
        fork.Process(target=_report, args=(results, barrier, work, args)) for _ in range(count)
    ]
    for process in processes:
        process.start()
    answers = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    return answers


def _report(
    results: Queue[Any], barrier: Barrier, work: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    barrier.wait(timeout=120)
    try:
        results.put(work(*args))
    except BaseException as error:
        results.put(repr(error))
        raise


def open_new(url: str) -> str:
    open_store(url, create=True).engine.dispose()
    return "opened"


def claim_all(url: str, points: list[str]) -> list[str]:
    """Try to claim each point, and return those won."""
    store = open_store(url)
    return [
        point for number, point in enumerate(points) if claim(store.engine, STUDY_ID, point, number)
    ]


def claim_and_wait(url: str, point: str, results: Queue[bool]) -> None:
    """Claim a point and hold it until killed."""
    results.put(claim(open_store(url).engine, STUDY_ID, point, 0))
    time.sleep(600)


def claim_up_to(url: str, limit: int) -> int:
    """Claim points of this process's own until the study has its claims; how many were won."""
    engine = open_store(url).engine
    first = os.getpid() * 100
    return sum(
        claim(engine, STUDY_ID, f"a={number}", number, limit)
        for number in range(first, first + limit)
    )
