"""Running a study in the calling process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from accel_space.handed_over.installing import restored
from accelfront.api.bar import Bar
from accelfront.api.study import Study
from objectives.model_files.quiet import quiet_loading
from objectives.pipelines.given import GivenPipe
from storage.database.opening import open_store
from studies.plan import check_request, make_plan
from studies.planning.stacks import make_stack
from studies.request import StudyRequest
from studies.run.measuring import PipelineLoader
from studies.run.runner import run_study


def run(request: StudyRequest, given: GivenPipe | None, storage: str, progress: bool) -> Study:
    """Run or resume a study.

    Args:
        request: The study.
        given: The pipeline that a person has loaded, which is restored; None loads one.
        storage: The URL of the database.
        progress: Whether to show a bar.

    Raises:
        InputError: As in `run_study`, like its other errors.
    """
    if given is not None:
        check_request(request)
        # Before all weights are read for the fingerprint.
        make_stack(request, given.entry, given.architecture, given.device.type)
    plan = make_plan(request, None if given is None else given.model())
    loader = PipelineLoader()
    try:
        with Bar(progress) as bar, nullcontext() if given is None else restored(given.pipe):
            store = open_store(storage, create=True, tell=bar.tell)
            outcome = run_study(plan, store, bar, loader)
    finally:
        loader.forget()
    return Study(outcome.study, outcome.reason)


@contextmanager
def quiet() -> Iterator[None]:
    """Let Optuna and the libraries that load a model report only errors meanwhile."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with quiet_loading(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
