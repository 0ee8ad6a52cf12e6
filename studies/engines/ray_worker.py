"""A worker of the Ray engine: one process, with one GPU or a share of the CPUs."""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from math import ceil

import ray

from storage.database.opening import open_store
from studies.engines.local import run_one
from studies.engines.results import StudyResult, WorkerStatus
from studies.request import StudyRequest
from studies.run.interrupt import Interrupt
from studies.run.measuring import PipelineLoader
from studies.run.progress import Progress
from studies.sweep import label

RETRY_S = 1.0
"""The wait before a worker returns to studies whose last points other workers measure."""


class Worker:
    """One process that works on a sweep: a Ray actor that reports its status while it works."""

    def __init__(self, number: int, workers: int, prepare: Callable[[], None]) -> None:
        """Prepare the process; import no heavy library yet.

        Args:
            number: Its number, from 1.
            workers: How many workers the sweep has.
            prepare: Called before heavy libraries are imported.
        """
        # What libraries define is never garbage; looking for it takes a sixth of their import time.
        gc.disable()
        prepare()
        gc.freeze()
        gc.enable()
        gpus = [f"GPU {gpu}" for gpu in ray.get_gpu_ids()]
        self._status = WorkerStatus(
            number, " ".join([socket.gethostname(), *gpus]), "started", None
        )
        self._workers = workers
        self._interrupt = Interrupt()

    def work(self, storage: str, requests: Sequence[StudyRequest]) -> list[StudyResult]:
        """Run studies, and return to them until nothing is left to measure or to wait for.

        Each worker of a study pays for a baseline, a warm-up and compilation. So a worker first
        takes studies that no other worker measures, and joins the others only when none is left.
        """
        store = open_store(storage, tell=self._report)
        loader = PipelineLoader()
        places = {label(each): f"[{n}/{len(requests)}]" for n, each in enumerate(requests, start=1)}
        results: dict[str, StudyResult] = {}
        left = in_order(requests, self._status.worker, self._workers)
        join = False
        while left:
            for request in left:
                name = label(request)

                def tell(study: str, progress: Progress | None, place: str = places[name]) -> None:
                    self._report(f"{place} {study}", progress)

                results[name] = run_one(request, store, loader, tell, self._interrupt, join)
                if self._interrupt.requested:
                    return list(results.values())
            unfinished = [each for each in left if results[label(each)].state == "others"]
            # A study that was begun has retried its failed points; once is enough.
            left = [
                each if results[label(each)].study is None else replace(each, retry_failed=False)
                for each in unfinished
            ]
            if left and join:
                self._report(f"waiting for other workers at {len(left)} studies")
                time.sleep(RETRY_S)
            join = True
        return list(results.values())

    def status(self) -> WorkerStatus:
        """Return what this worker does now."""
        return self._status

    def stop(self) -> None:
        """Stop after the running trial."""
        self._interrupt.requested = True

    def _report(self, title: str, progress: Progress | None = None) -> None:
        self._status = replace(self._status, title=title, progress=progress)


def in_order(requests: Sequence[StudyRequest], worker: int, workers: int) -> list[StudyRequest]:
    """Order studies for one worker.

    Workers begin at different pipelines, and each finishes a pipeline before it loads the next.
    Workers that begin at the same pipeline divide its series among them, the longest first. A
    series is the studies of one baseline, stacks after their methods. Each worker takes the others'
    series last and in reverse, because their owners reach the end last.

    Args:
        requests: The studies, those of a pipeline together.
        worker: The worker's number, from 1.
        workers: The number of workers.
    """
    pipelines = [list(group) for _, group in groupby(requests, key=lambda each: each.pipeline)]
    turn, first = divmod(worker - 1, len(pipelines))
    hands = ceil(workers / len(pipelines))
    order = []
    for pipeline in pipelines[first:] + pipelines[:first]:
        series = _series(pipeline, hands)
        own, others = series[turn::hands], [s for n, s in enumerate(series) if n % hands != turn]
        order += [each for group in own + others[::-1] for each in group]
    return order


def _series(pipeline: Sequence[StudyRequest], hands: int) -> list[list[StudyRequest]]:
    """Return the studies of each baseline, longest first; single studies if these are too few."""
    longest = sorted(pipeline, key=lambda each: -each.steps)
    groups = groupby(longest, key=lambda each: (each.steps, each.scheduler))
    series = [list(group) for _, group in groups]
    return series if len(series) >= hands else [[each] for each in longest]
