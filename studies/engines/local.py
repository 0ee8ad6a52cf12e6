"""The local engine: runs the studies of a sweep in this process, one after the other.

An engine takes requests, a storage and a watch. It yields the result of each study when that study
ends. The other engine is studies/engines/ray_engine.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from accel_space.errors import RefusedError
from objectives.errors import InputError, MeasurementError
from storage.database.opening import Store, open_store
from storage.database.retry import DatabaseRetry
from storage.errors import StorageError
from storage.reading.studies import is_under_way
from studies.engines.results import StudyResult, Watch, WorkerStatus
from studies.errors import StudyFailedError
from studies.plan import make_plan
from studies.request import StudyRequest
from studies.run.interrupt import Interrupt
from studies.run.measuring import PipelineLoader
from studies.run.progress import Progress
from studies.run.runner import run_study
from studies.sweep import label


def run_here(requests: Sequence[StudyRequest], storage: str, watch: Watch) -> Iterator[StudyResult]:
    """Run studies one after the other; stop when a person interrupts one.

    Args:
        requests: The studies.
        storage: The URL of the database.
        watch: Called with each change of status.

    Raises:
        StorageError: If the storage cannot be opened.
    """

    def wait(words: str) -> None:
        watch(WorkerStatus(0, "", words, None))

    store = open_store(storage, create=True, tell=wait)
    loader = PipelineLoader()
    for number, request in enumerate(requests, start=1):

        def tell(study: str, progress: Progress | None, number: int = number) -> None:
            watch(WorkerStatus(0, "", f"[{number}/{len(requests)}] {study}", progress))

        result = run_one(request, store, loader, tell)
        yield result
        if result.state == "interrupted":
            return


def run_one(
    request: StudyRequest,
    store: Store,
    loader: PipelineLoader,
    tell: Callable[[str, Progress | None], None],
    interrupt: Interrupt | None = None,
    join: bool = True,
) -> StudyResult:
    """Run or resume one study of a sweep; a failure is a result, so that the sweep goes on.

    Args:
        request: The study.
        store: The open database.
        loader: The loader, which keeps what it has loaded.
        tell: Called with the study's name and progress at each change.
        interrupt: As `run_study` takes it.
        join: Whether to join a study that another worker is measuring.
    """
    name = label(request)
    try:
        plan = make_plan(request)
        tell(plan.study_name, None)
        retry = DatabaseRetry(lambda words: tell(words, None))
        if not join and retry(lambda: is_under_way(store, plan.study_name)):
            return StudyResult(name, "others", "another worker is at it", None, 0)
        outcome = run_study(
            plan,
            store,
            lambda progress: tell(plan.study_name, progress),
            loader,
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
