"""Engines: what runs the studies of a sweep. The one here runs them in this process, in order.

An engine takes requests, a storage and a watch, and yields a result for each study as it ends. The
other engine is studies/engines/ray_engine.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from accel_space.errors import RefusedError
from objectives.errors import InputError, MeasurementError
from storage.database.opening import Store, open_store
from storage.errors import StorageError
from storage.records.study import StudyRecord
from studies.errors import StudyFailedError
from studies.plan import make_plan
from studies.request import StudyRequest
from studies.run.interrupt import Interrupt
from studies.run.measuring import Workbench
from studies.run.progress import Progress
from studies.run.runner import run_study
from studies.sweep import label

State = Literal["done", "failed", "interrupted", "others"]


@dataclass(frozen=True)
class StudyResult:
    """How one study of a sweep ended.

    Attributes:
        label: The study without its digest.
        state: Whether it has done enough; `others` if other workers measure what is left.
        reason: Why not, in words; if it has, what else there is to say, mostly nothing.
        study: The study as it is stored; None if it never began.
        measured: Points that this run measured.
    """

    label: str
    state: State
    reason: str
    study: StudyRecord | None
    measured: int

    def as_json(self) -> dict[str, Any]:
        """One entry of `sweep --json`."""
        study = {} if self.study is None else self.study.as_json()
        return {
            "combination": self.label,
            "state": self.state,
            "reason": self.reason or None,
            "measured": self.measured,
            **study,
        }


@dataclass(frozen=True)
class WorkerStatus:
    """Where one worker stands.

    Attributes:
        worker: Its number, from 1; 0 is the command itself.
        place: The host and the GPU it was given; empty for the command itself.
        title: The study it is at, or what else it does.
        progress: Of that study; None if it is at none, or has only begun.
    """

    worker: int
    place: str
    title: str
    progress: Progress | None


Watch = Callable[[WorkerStatus], None]


def run_here(requests: Sequence[StudyRequest], storage: str, watch: Watch) -> Iterator[StudyResult]:
    """Run studies one after the other, up to the one that is interrupted.

    Args:
        requests: The studies.
        storage: Where they are kept.
        watch: Told of each change.

    Raises:
        StorageError: If the storage cannot be opened.
    """

    def wait(words: str) -> None:
        watch(WorkerStatus(0, "", words, None))

    store = open_store(storage, create=True, tell=wait)
    workbench = Workbench()
    for number, request in enumerate(requests, start=1):

        def tell(study: str, progress: Progress | None, number: int = number) -> None:
            watch(WorkerStatus(0, "", f"[{number}/{len(requests)}] {study}", progress))

        result = run_one(request, store, workbench, tell)
        yield result
        if result.state == "interrupted":
            return


def run_one(
    request: StudyRequest,
    store: Store,
    workbench: Workbench,
    tell: Callable[[str, Progress | None], None],
    interrupt: Interrupt | None = None,
) -> StudyResult:
    """Run or resume one study of a sweep; one that fails leaves the others a chance.

    Args:
        request: The study.
        store: Where it is kept.
        workbench: What is loaded already.
        tell: Told of each change, with the study's name.
        interrupt: As `run_study` takes it.
    """
    name = label(request)
    try:
        plan = make_plan(request)
        tell(plan.study_name, None)
        outcome = run_study(
            plan,
            store,
            lambda progress: tell(plan.study_name, progress),
            workbench,
            interrupt,
        )
    except KeyboardInterrupt:
        return StudyResult(name, "interrupted", "interrupted at once", None, 0)
    except (
        InputError,
        RefusedError,
        MeasurementError,
        StorageError,
        StudyFailedError,
    ) as error:
        return StudyResult(name, "failed", str(error), None, 0)
    study, measured = outcome.study, outcome.measured
    if outcome.reason == "interrupt":
        return StudyResult(name, "interrupted", "", study, measured)
    if outcome.reason == "others":
        return StudyResult(name, "others", "other workers measure what is left", study, measured)
    return StudyResult(name, "done", outcome.earlier, study, measured)
