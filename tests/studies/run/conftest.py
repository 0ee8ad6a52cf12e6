"""Studies of the shipped pipeline, for real, at a size that measures a point within a second."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import optuna
import pytest

from benchmarks.storage.stub_loader import StubLoader, made_up
from storage.database.opening import Store
from studies.plan import make_plan
from studies.request import StudyRequest
from studies.run.measuring import PipelineLoader
from studies.run.progress import RunResult, Watch
from studies.run.runner import run_study
from tests.studies.conftest import MakeRequest

STEPS = 2
"""DeepCache has four points then."""

RunStudy = Callable[..., RunResult]


@pytest.fixture
def make_small_request(make_request: MakeRequest) -> MakeRequest:
    return partial(make_request, steps=STEPS)


@pytest.fixture
def run(loader: PipelineLoader) -> RunStudy:
    """Run a study on what is loaded."""

    def run(request: StudyRequest, store: Store, watch: Watch = lambda progress: None) -> RunResult:
        return run_study(make_plan(request), store, watch, loader)

    return run


@pytest.fixture
def run_made_up() -> RunStudy:
    """Run a study whose figures are made up, where nothing depends on pictures."""

    def run(request: StudyRequest, store: Store) -> RunResult:
        return run_study(make_plan(request), store, loader=StubLoader(lambda: None))

    return run


def open_budget(request: StudyRequest) -> float:
    """A loss budget of which it is open whether the fastest point keeps it, as stubs measure it."""
    measured = map(made_up, make_plan(request).stack.points[: request.trials])
    return max(measured, key=lambda each: each.speedup).clip_loss + 0.002


def load(store: Store) -> optuna.Study:
    [name] = optuna.get_all_study_names(store.optuna)
    return optuna.load_study(study_name=name, storage=store.optuna)
