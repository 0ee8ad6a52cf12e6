"""The Ray engine: workers on several GPUs and machines share the studies of a sweep.

Ray places the workers and gives each one a GPU. If a worker's process or node dies, Ray restarts
the worker elsewhere. Only claims in the database decide which worker measures which point, so a
worker that joins or leaves changes nothing for the others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace

import ray

from objectives.errors import InputError
from storage.database.opening import Store, open_store
from storage.database.retry import DatabaseRetry
from storage.database.urls import parse_url
from storage.reading.studies import find_study, study_names
from storage.records.combination import StudyName
from storage.records.study import Study
from studies.engines.ray_cluster import connected, share_out
from studies.engines.ray_crew import Member, follow
from studies.engines.ray_worker import Worker
from studies.engines.results import StudyResult, Watch, WorkerStatus
from studies.request import StudyRequest
from studies.sweep import label

RESTARTS = 3
"""How often Ray restarts a worker. Limited, because a point may kill its process every time."""


def run_on_ray(
    requests: Sequence[StudyRequest],
    storage: str,
    watch: Watch,
    *,
    address: str,
    workers: int | None,
    prepare: Callable[[], None],
) -> Iterator[StudyResult]:
    """Run studies on a Ray cluster until all are done; then yield the result of each.

    Args:
        requests: The studies.
        storage: The URL of a Postgres database that all nodes reach.
        watch: Called with the status of each worker.
        address: The cluster, as `ray.init` takes it: `auto`, `local` or `host:port`.
        workers: The number of workers; None is one per GPU, or one per node if there are no GPUs.
        prepare: Called in each worker before it imports heavy libraries.

    Raises:
        InputError: If the storage is SQLite, or the cluster is unreachable or too small.
        StorageError: If the storage cannot be opened.
        StudyFailedError: If no worker is left.
    """
    if parse_url(storage).get_backend_name() == "sqlite":
        raise InputError(
            "--engine ray needs a Postgres that all nodes reach, and a SQLite file was given; "
            "give --storage postgresql+psycopg://user@host/database"
        )
    retry = DatabaseRetry(lambda words: watch(WorkerStatus(0, "", words, None)))
    # Ray reports lost nodes on stdout, which is for data.
    with redirect_stdout(sys.stderr), connected(address):
        device, count, share = share_out(requests[0].device, workers)
        placed = [replace(request, device=device) for request in requests]
        actor = ray.remote(Worker).options(
            **share,
            max_restarts=RESTARTS,
            # One thread measures, the other answers polls.
            max_concurrency=2,
            scheduling_strategy="SPREAD",
        )
        crew = [
            Member(number, actor.remote(number, count, prepare), storage, placed)
            for number in range(1, count + 1)
        ]
        # The workers import their libraries meanwhile.
        store = open_store(storage, create=True, tell=retry.tell)
        before = retry(lambda: _stored(store, requests))
        interrupted = follow(crew, watch)
    errors = [member.error for member in crew if member.error is not None]
    if len(errors) == len(crew):
        raise errors[-1]
    after = retry(lambda: _stored(store, requests))
    yield from _results(requests, crew, before, after, interrupted)


def _stored(store: Store, requests: Sequence[StudyRequest]) -> dict[str, Study]:
    """Return the stored studies of the sweep's combinations by name, on any protocol and device."""
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
    crew: Sequence[Member],
    before: dict[str, Study],
    after: dict[str, Study],
    interrupted: bool,
) -> Iterator[StudyResult]:
    """Yield the results of each study, one per device that measured it."""
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
