"""The workers of the Ray engine as the command sees them: asking, waiting, stopping."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError

from studies.engines.results import StudyResult, Watch, WorkerStatus
from studies.errors import StudyFailedError
from studies.request import StudyRequest
from studies.run.interrupt import graceful_interrupt

POLL_S = 1.0
"""The pause between two status polls, while nothing else happens."""

LEAST_S = 0.1
"""The shortest pause between two status polls."""


@dataclass
class Member:
    """A worker as the command sees it.

    Attributes:
        number: The worker's number.
        actor: Ray's handle of the worker.
        storage: The URL of the database.
        requests: The studies of the sweep.
        asked: Ray's promise of the worker's status, fulfilled once Ray has placed the worker.
        work: Ray's promise of the worker's results; None before it is placed and after it ended.
        results: The results of the worker's studies; None until it has ended.
        error: The error that ended the worker for good.
    """

    number: int
    actor: Any
    storage: str
    requests: Sequence[StudyRequest]
    asked: Any = None
    work: Any = None
    results: list[StudyResult] | None = None
    error: Exception | None = None

    def poll(self, watch: Watch, stopping: bool) -> None:
        """Pass its status on; give it work if Ray has just started or restarted it."""
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
                    # Ray stores the arguments of a constructor, and the URL may hold a password.
                    self.work = self.actor.work.remote(self.storage, self.requests)
            if self.work is not None and _is_there(self.work):
                self.results = ray.get(self.work)
                self.work = None
                watch(WorkerStatus(self.number, "", "ended", None))
        except RayTaskError as error:
            # The error's text is the traceback of the other process.
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


def follow(crew: Sequence[Member], watch: Watch) -> bool:
    """Follow the workers to their end; at the first Ctrl-C they finish their running trials.

    Returns:
        Whether a person interrupted the sweep.
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
                    member.poll(watch, stopping)
                _await_change(crew)
        except KeyboardInterrupt:
            return True
        finally:
            for member in crew:
                ray.kill(member.actor)
        return stopping


def _is_under_way(crew: Sequence[Member], stopping: bool) -> bool:
    """Tell whether there is anything to wait for.

    A worker that Ray has not placed yet matters only until another worker ends, because a worker
    ends only when nothing is left to do, and others take over what a lost worker was measuring.
    """
    if any(member.work is not None for member in crew):
        return True
    if stopping or any(member.results is not None for member in crew):
        return False
    return any(member.error is None for member in crew)


def _await_change(crew: Sequence[Member]) -> None:
    """Wait until a worker has started or ended, at most until the next poll."""
    # A lost worker answers at once, every time.
    time.sleep(LEAST_S)
    awaited = [answer for member in crew if (answer := member.work or member.asked) is not None]
    if awaited:
        ray.wait(awaited, timeout=POLL_S - LEAST_S)
    else:
        time.sleep(POLL_S - LEAST_S)


def _is_there(answer: Any) -> bool:
    ready, _ = ray.wait([answer], timeout=0)
    return bool(ready)
