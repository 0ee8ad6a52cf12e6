"""How a study of the shipped pipeline ends, for real: met, out of time, given up, failed."""

from __future__ import annotations

from functools import wraps
from typing import Any

import optuna
import pytest

from accel_space.methods import METHODS
from objectives.errors import MeasurementError
from objectives.objective import Objective
from storage.database.opening import Store
from storage.reading.studies import read_studies
from storage.records.requirement import Requirement
from storage.study_store.attributes import REASON
from studies.errors import StudyFailedError
from studies.plan import make_plan
from studies.run.interrupt import Interrupt
from studies.run.measuring import PipelineLoader
from studies.run.progress import Progress
from studies.run.runner import run_study
from tests.studies.conftest import MakeRequest
from tests.studies.run.conftest import RunStudy, load


def test_a_met_requirement_ends_the_search(
    run: RunStudy, make_small_request: MakeRequest, store: Store
) -> None:
    requirement = Requirement(latency_s=1000.0)
    request = make_small_request(requirement=requirement, loss_budget=0.99)
    outcome = run(request, store)
    assert (outcome.reason, outcome.measured) == ("requirement", 1)
    assert outcome.met is not None
    again = run(request, store)
    assert (again.reason, again.measured) == ("requirement", 0)


def test_a_timeout_starts_no_further_trial(
    run: RunStudy, make_small_request: MakeRequest, store: Store
) -> None:
    outcome = run(make_small_request(timeout_s=0.001), store)
    assert (outcome.reason, outcome.measured) == ("timeout", 0)


def test_a_dominated_point_is_given_up_early(
    run: RunStudy, make_small_request: MakeRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One point that nothing beats comes first; all that follow are dominated.
    run(make_small_request(trials=1, num_samples=6, sampler="random"), store)
    study = load(store)
    monkeypatch.setattr("studies.run.stopping.is_hopeless", lambda *looked_at: bool(looked_at[2]))
    with pytest.raises(StopIteration):
        run(make_small_request(num_samples=6, sampler="random"), store, stop_after_pruned)
    pruned = [t for t in study.get_trials() if t.state == optuna.trial.TrialState.PRUNED]
    measurement = pruned[0].user_attrs["measurement"]
    assert measurement["stopped_early"]
    assert 2 <= measurement["samples"] < 6
    assert len(read_studies(store)[0].trials) == 1


def stop_after_pruned(progress: Progress) -> None:
    if "given up early" in progress.last:
        raise StopIteration


def test_a_failing_point_keeps_its_reason_and_the_study_goes_on(
    run: RunStudy, make_small_request: MakeRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerate = METHODS["deepcache"].accelerate

    @wraps(accelerate)
    def fail_at_three(pipe: Any, generate: Any, **params: Any) -> Any:
        if params["cache_branch_id"] == 3:
            raise KeyError("no such block")
        return accelerate(pipe, generate, **params)

    monkeypatch.setattr(METHODS["deepcache"], "accelerate", fail_at_three)
    outcome = run(make_small_request(), store)
    assert len(outcome.study.trials) == 3
    assert len(outcome.failures) == 1
    failed = [t for t in load(store).trials if t.state == optuna.trial.TrialState.FAIL]
    assert all("no such block" in trial.user_attrs[REASON] for trial in failed)
    monkeypatch.undo()
    assert len(run(make_small_request(retry_failed=True), store).study.trials) == 4


def test_a_study_whose_every_point_fails_stops_and_says_why(
    run: RunStudy, make_small_request: MakeRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> Any:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(Objective, "measure", fail)
    with pytest.raises(StudyFailedError, match="CUDA out of memory"):
        run(make_small_request(), store)
    assert len(load(store).trials) == 3


def test_a_baseline_without_pictures_fails_the_study_at_once(
    run: RunStudy, make_small_request: MakeRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Objective) -> Any:
        raise MeasurementError("black pictures")

    monkeypatch.setattr(Objective, "measure_baseline", fail)
    with pytest.raises(MeasurementError, match="black"):
        run(make_small_request(), store)
    assert not optuna.get_all_study_names(store.optuna)


def test_ctrl_c_while_a_resumed_study_loads_begins_no_point(
    run: RunStudy, make_small_request: MakeRequest, store: Store
) -> None:
    run(make_small_request(trials=1), store)
    interrupt = Interrupt()

    def stop(progress: Progress) -> None:
        interrupt.requested |= progress.stage == "loading tiny-shapes"

    plan = make_plan(make_small_request(trials=2))
    outcome = run_study(plan, store, stop, PipelineLoader(), interrupt)
    assert interrupt.requested
    assert (outcome.reason, outcome.measured) == ("interrupt", 0)
