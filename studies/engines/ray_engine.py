"""The Ray engine: the studies of a sweep, shared by workers on several GPUs and machines.

Ray places the workers, gives each its GPU, and starts one anew elsewhere if its process or its node
dies. Who measures what is settled in the database alone, by claims: a worker that comes or goes
changes nothing for the others.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError
from setproctitle import setproctitle

from objectives.errors import InputError
from storage.database.opening import Store, open_store
from storage.database.retry import DatabaseRetry
from storage.reading.studies import find_study, study_names
from storage.records.combination import StudyName
from storage.records.study import StudyRecord
from studies.engines.local import StudyResult, Watch, WorkerStatus
from studies.engines.ray_worker import Worker
from studies.errors import StudyFailedError
from studies.request import StudyRequest
from studies.run.interrupt import graceful_interrupt
from studies.sweep import label

RESTARTS = 3
"""How often Ray starts a worker anew: a point that kills its process must not do so for ever."""

POLL_S = 1.0
"""How often the command asks its workers where they stand."""

CONNECT_S = 10.0
"""How long a cluster may take to answer."""


def run_on_ray(
    requests: Sequence[StudyRequest],
    storage: str,
    watch: Watch,
    *,
    address: str,
    workers: int | None,
    prepare: Callable[[], None],
) -> Iterator[StudyResult]:
    """Run studies on a Ray cluster until all are done, and tell how each ended.

    Args:
        requests: The studies.
        storage: The URL of the Postgres where they are kept; all nodes must reach it.
        watch: Told where each worker stands.
        address: As `ray.init` takes it: `auto`, `local` or `host:port`.
        workers: How many; None is one for each GPU, on a cluster without GPUs one for each node.
        prepare: Called in each worker before it imports heavy libraries.

    Raises:
        InputError: If the storage or the cluster does not serve.
        StorageError: If the storage cannot be opened.
        StudyFailedError: If no worker is left.
    """
    if storage.startswith("sqlite"):
        raise InputError(
            "--engine ray needs a Postgres that all nodes reach, and a SQLite file was given; "
            "give --storage postgresql+psycopg://user@host/database"
        )
    retry = DatabaseRetry(lambda words: watch(WorkerStatus(0, "", words, None)))
    store = open_store(storage, create=True, tell=retry.tell)
    before = retry(lambda: _stored(store, requests))
    # Ray tells of lost nodes on stdout, which is for data.
    with redirect_stdout(sys.stderr), _connected(address):
        device, count, share = _shares(requests[0].device, workers)
        placed = [replace(request, device=device) for request in requests]
        actor = ray.remote(Worker).options(
            **share,
            max_restarts=RESTARTS,
            # One thread works, one answers.
            max_concurrency=2,
            scheduling_strategy="SPREAD",
        )
        crew = [
            _Member(number, actor.remote(number, prepare), storage, placed)
            for number in range(1, count + 1)
        ]
        interrupted = _see_through(crew, watch)
    errors = [member.error for member in crew if member.error is not None]
    if len(errors) == len(crew):
        raise errors[-1]
    after = retry(lambda: _stored(store, requests))
    yield from _results(requests, crew, before, after, interrupted)


@dataclass
class _Member:
    """A worker as the command sees it.

    Attributes:
        number: Its number.
        actor: Ray's handle.
        storage: What it is to work on.
        requests: As above.
        asked: The answer to where it stands, to come; it comes once the worker has a place.
        work: The end of its work, to come; None before it has a place and after it ended.
        results: How its studies ended; None as long as it has not.
        error: What ended it for good.
    """

    number: int
    actor: Any
    storage: str
    requests: Sequence[StudyRequest]
    asked: Any = None
    work: Any = None
    results: list[StudyResult] | None = None
    error: Exception | None = None

    def look(self, watch: Watch, stopping: bool) -> None:
        """Hear what it has to say, and set it to work if it is new or was started anew."""
        if self.results is not None or self.error is not None:
            return
        if self.asked is None:
            self.asked = self.actor.status.remote()
        try:
            if _is_there(self.asked):
                status = ray.get(self.asked)
                self.asked = None
                watch(status)
                if self.work is None and not stopping:
                    # By argument, as a constructor's are kept by Ray: the URL may hold a password.
                    self.work = self.actor.work.remote(self.storage, self.requests)
            if self.work is not None and _is_there(self.work):
                self.results = ray.get(self.work)
                self.work = None
                watch(WorkerStatus(self.number, "", "ended", None))
        except RayTaskError as error:
            # Its text is the traceback over there.
            error.cause.__cause__ = error
            self._end(error.cause, watch)
        except RayActorError as error:
            if self.work is None and not isinstance(error, ActorUnavailableError):
                lost = f"worker {self.number} died, and Ray does not start it again"
                self._end(StudyFailedError(lost), watch)
            elif self.work is not None:
                watch(WorkerStatus(self.number, "", "lost; Ray starts it anew where it can", None))
            self.asked = self.work = None

    def _end(self, error: Exception, watch: Watch) -> None:
        self.error, self.work = error, None
        watch(WorkerStatus(self.number, "", f"given up: {type(error).__name__}: {error}", None))


def _see_through(crew: Sequence[_Member], watch: Watch) -> bool:
    """Stay with the workers to their end; the first Ctrl-C lets them end their running trials.

    Returns:
        Whether a person has interrupted.
    """
    with graceful_interrupt(lambda words: watch(WorkerStatus(0, "", words, None))) as interrupt:
        stopping = False
        try:
            while _is_under_way(crew, stopping):
                if interrupt.requested and not stopping:
                    stopping = True
                    for member in crew:
                        member.actor.stop.remote()
                for member in crew:
                    member.look(watch, stopping)
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            return True
        finally:
            for member in crew:
                ray.kill(member.actor)
        return stopping


def _is_under_way(crew: Sequence[_Member], stopping: bool) -> bool:
    """Whether there is anything to wait for.

    A worker without a place is waited for only as long as none has found everything done: what it
    had under way when it was lost, others have taken over.
    """
    if any(member.work is not None for member in crew):
        return True
    if stopping or any(member.results is not None for member in crew):
        return False
    return any(member.error is None for member in crew)


def _is_there(answer: Any) -> bool:
    ready, _ = ray.wait([answer], timeout=0)
    return bool(ready)


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Be part of a cluster."""
    # Ray keeps the command line for all to see, and --storage may hold a password.
    setproctitle("accelfront sweep --engine ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    host, _, port = address.rpartition(":")
    try:
        if host and port.isdecimal():
            # Ray itself would wait for minutes.
            socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
        ray.init(
            address=address,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"there is no Ray cluster at --address {address}; start one with `ray start --head`, "
            "or give --address local for this machine alone"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _shares(device: str, workers: int | None) -> tuple[str, int, dict[str, float]]:
    """Share the cluster out: the device to measure on, how many workers, and what each is given."""
    nodes = [
        node["Resources"]
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]
    gpus = int(sum(node.get("GPU", 0) for node in nodes))
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"Ray picks the GPUs: --device {device} must be auto, cpu or cuda")
    if device == "cuda" or (device == "auto" and gpus):
        count = workers or gpus
        if not 0 < count <= gpus:
            raise InputError(f"the cluster has {gpus} GPUs, and each of {count} workers needs one")
        return "cuda", count, {"num_gpus": 1}
    count = workers or len(nodes)
    cpus = int(min(node.get("CPU", 0) for node in nodes))
    share = cpus // ceil(count / len(nodes))
    if not share:
        raise InputError(
            f"the cluster's {len(nodes)} nodes have {cpus} CPUs or more each, too few for "
            f"{count} workers; give fewer --workers"
        )
    return "cpu", count, {"num_cpus": share}


def _stored(store: Store, requests: Sequence[StudyRequest]) -> dict[str, StudyRecord]:
    """The studies of a sweep as they are stored now, by name: under any protocol and device."""
    wanted = {request.combination for request in requests}
    names = study_names(store)
    found = {
        name: find_study(store, name)
        for name in names
        if StudyName.read(name).combination in wanted
    }
    return {name: study for name, study in found.items() if study is not None}


def _results(
    requests: Sequence[StudyRequest],
    crew: Sequence[_Member],
    before: dict[str, StudyRecord],
    after: dict[str, StudyRecord],
    interrupted: bool,
) -> Iterator[StudyResult]:
    """How each study ended: a result for each device that measured it."""
    told = [result for member in crew for result in member.results or []]
    for request in requests:
        name = label(request)
        mine = [result for result in told if result.label == name]
        done = {
            result.study.name
            for result in mine
            if result.study is not None and result.state == "done"
        }
        reason = next((result.reason for result in mine if result.state == "failed"), "")
        grown = {
            study
            for study, record in after.items()
            if StudyName.read(study).combination == request.combination
            and (study not in before or len(record.trials) > len(before[study].trials))
        }
        for study in sorted(done | grown):
            known = len(before[study].trials) if study in before else 0
            measured = len(after[study].trials) - known
            if study in done:
                yield StudyResult(name, "done", reason, after[study], measured)
            elif interrupted:
                yield StudyResult(name, "interrupted", "", after[study], measured)
            else:
                yield StudyResult(
                    name, "failed", reason or "its workers died", after[study], measured
                )
        if not done | grown:
            if interrupted and not reason:
                yield StudyResult(name, "interrupted", "", None, 0)
            else:
                yield StudyResult(name, "failed", reason or "its workers died", None, 0)
