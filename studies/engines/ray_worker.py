"""A worker of the Ray engine: one process, with one GPU or a share of the CPUs."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

import ray

from storage.database.opening import open_store
from studies.engines.local import run_one
from studies.engines.results import StudyResult, WorkerStatus
from studies.request import StudyRequest
from studies.run.interrupt import Interrupt
from studies.run.measuring import PipelineLoader
from studies.run.progress import Progress
from studies.sweep import label

RETRY_S = 3.0
"""How long a worker waits before it returns to studies whose last points other workers measure."""


class Worker:
    """One process that works on a sweep: a Ray actor that reports its status while it works."""

    def __init__(self, number: int, prepare: Callable[[], None]) -> None:
        """Do nothing yet.

        Args:
            number: Its number, from 1.
            prepare: Called before heavy libraries are imported.
        """
        prepare()
        gpus = [f"GPU {gpu}" for gpu in ray.get_gpu_ids()]
        self._status = WorkerStatus(
            number, " ".join([socket.gethostname(), *gpus]), "started", None
        )
        self._interrupt = Interrupt()

    def work(self, storage: str, requests: Sequence[StudyRequest]) -> list[StudyResult]:
        """Run studies, and return to them until nothing is left to measure or to wait for."""
        store = open_store(storage, tell=self._report)
        loader = PipelineLoader()
        places = {label(each): f"[{n}/{len(requests)}]" for n, each in enumerate(requests, start=1)}
        results: dict[str, StudyResult] = {}
        left = in_order(requests, self._status.worker)
        while left:
            for request in left:
                name = label(request)

                def tell(study: str, progress: Progress | None, place: str = places[name]) -> None:
                    self._report(f"{place} {study}", progress)

                results[name] = run_one(request, store, loader, tell, self._interrupt)
                if self._interrupt.requested:
                    return list(results.values())
            # The first pass has tried failed points again; once is enough.
            left = [
                replace(each, retry_failed=False)
                for each in left
                if results[label(each)].state == "others"
            ]
            if left:
                self._report(f"waiting for other workers at {len(left)} studies")
                time.sleep(RETRY_S)
        return list(results.values())

    def status(self) -> WorkerStatus:
        """What this worker does now."""
        return self._status

    def stop(self) -> None:
        """End after the running trial."""
        self._interrupt.requested = True

    def _report(self, title: str, progress: Progress | None = None) -> None:
        self._status = replace(self._status, title=title, progress=progress)


def in_order(requests: Sequence[StudyRequest], worker: int) -> list[StudyRequest]:
    """Order studies for one worker.

    Workers begin at different pipelines, and each goes through a pipeline before it loads the next.

    Args:
        requests: The studies, those of a pipeline together.
        worker: Its number, from 1.
    """
    groups = [list(group) for _, group in groupby(requests, key=lambda each: each.pipeline)]
    first = (worker - 1) % len(groups)
    return [each for group in groups[first:] + groups[:first] for each in group]
