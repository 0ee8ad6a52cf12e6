"""Studies of the shipped pipeline, for real, at a size that measures a point within a second."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna_dashboard import get_note
from PIL import Image

from accel_space.methods import METHODS
from benchmarks.storage.stub_workbench import StubWorkbench
from objectives.errors import MeasurementError
from objectives.objective import Objective
from storage.database.opening import Store, open_store
from storage.errors import StorageError
from storage.reading.studies import read_studies
from storage.records.points import point_key
from storage.records.requirement import Requirement
from storage.study_store.attributes import DUPLICATE_OF, ENVIRONMENT, MEASUREMENT, POINT, REASON
from storage.study_store.claims import list_claims
from studies.errors import StudyFailedError, StudyRefusedError
from studies.plan import make_plan
from studies.request import StudyRequest
from studies.run.bench import Workbench
from studies.run.progress import Outcome, Progress, Watch
from studies.run.runner import run_study
from tests import command_line
from tests.studies.conftest import MakeRequest

pytestmark = pytest.mark.usefixtures("quiet_machine")

STEPS = 2
"""DeepCache has four points then."""


@pytest.fixture
def make_request(make_request: MakeRequest) -> MakeRequest:
    return partial(make_request, steps=STEPS)


@pytest.fixture(scope="module")
def workbench() -> Workbench:
    """The pipeline, loaded once for all studies here."""
    return Workbench()


RunStudy = Callable[..., Outcome]


@pytest.fixture
def run(workbench: Workbench) -> RunStudy:
    """Run a study on what is loaded."""

    def run(request: StudyRequest, store: Store, watch: Watch = lambda progress: None) -> Outcome:
        return run_study(make_plan(request), store, watch, workbench)

    return run


def load(store: Store) -> optuna.Study:
    [name] = optuna.get_all_study_names(store.optuna)
    return optuna.load_study(study_name=name, storage=store.optuna)


def test_all_points_are_measured_once_and_a_second_run_measures_nothing(
    run: RunStudy, make_request: MakeRequest, store: Store
) -> None:
    points = make_plan(make_request()).stack.points
    assert len(points) == 4
    seen: list[Progress] = []
    first = run(make_request(), store, seen.append)
    assert (first.reason, first.measured, len(first.study.trials)) == ("points", 4, 4)
    assert {point_key(trial.params) for trial in first.study.trials} == set(map(point_key, points))
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    second = run(make_request(), store, seen.append)
    assert (second.measured, second.study.front) == (0, first.study.front)
    assert len(load(store).trials) == 4


def test_more_trials_go_on_with_the_same_study(
    run: RunStudy, make_request: MakeRequest, store: Store
) -> None:
    first = run(make_request(trials=2), store)
    second = run(make_request(trials=3), store)
    assert (first.reason, second.reason, second.measured) == ("trials", "trials", 1)
    assert first.study.name == second.study.name
    assert second.study.trials[:2] == first.study.trials


def test_a_study_goes_on_in_postgres_too(
    run: RunStudy, make_request: MakeRequest, postgres_url: str
) -> None:
    first = run(make_request(trials=1), open_store(postgres_url, create=True))
    second = run(make_request(trials=2), open_store(postgres_url))
    assert (first.measured, second.measured) == (1, 1)
    assert second.study.trials[0] == first.study.trials[0]


def test_where_the_time_went_is_kept(
    run: RunStudy, make_request: MakeRequest, store: Store
) -> None:
    [trial] = run(make_request(trials=1), store).study.trials
    seconds = trial.measurement["seconds"]
    assert {"generate", "baseline", "score", "patch", "sample", "store"} == seconds.keys()
    assert all(spent >= 0 for spent in seconds.values())


def test_the_dashboard_gets_a_grid_for_each_trial_and_a_note_for_the_study(
    run: RunStudy, make_request: MakeRequest, store: Store, tmp_path: Path
) -> None:
    outcome = run(make_request(trials=2), store)
    assert outcome.unkept is None
    study = load(store)
    for trial in study.trials:
        [meta] = get_all_artifact_meta(trial, storage=store.optuna)
        assert meta.mimetype == "image/webp"
        with Image.open(tmp_path / "accelfront-artifacts" / meta.artifact_id) as grid:
            # Two pictures side by side, each under its baseline.
            assert grid.size == (516, 516)
        # optuna-dashboard cuts longer attributes.
        assert len(json.dumps(trial.user_attrs[MEASUREMENT])) < 1024
    assert "| measured | 2 of 4 points |" in get_note(study)
    assert study.metric_names == ["speedup", "clip_loss"]


def test_numbers_survive_pictures_that_cannot_be_kept(
    run: RunStudy, make_request: MakeRequest, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "accelfront-artifacts").write_text("a file in the folder's place")
    outcome = run(make_request(trials=1), store)
    assert (outcome.measured, len(outcome.study.trials)) == (1, 1)
    assert outcome.unkept is not None and "pictures cannot be kept in" in outcome.unkept


def test_a_repeat_is_told_its_values_and_counts_nothing(
    run: RunStudy, make_request: MakeRequest, store: Store
) -> None:
    # All four points at random: with this seed one of them comes again before the last.
    outcome = run(make_request(sampler="random"), store)
    keys = [point_key(trial.params) for trial in outcome.study.trials]
    assert len(keys) == len(set(keys)) == 4
    repeats = [t for t in load(store).trials if t.user_attrs.get(DUPLICATE_OF) is not None]
    assert repeats
    by_number = {trial.number: trial for trial in outcome.study.trials}
    for repeat in repeats:
        if repeat.state == optuna.trial.TrialState.COMPLETE:
            original = by_number[repeat.user_attrs[DUPLICATE_OF]]
            assert repeat.values == [original.speedup, original.clip_loss]


def test_a_met_requirement_ends_the_search(
    run: RunStudy, make_request: MakeRequest, store: Store
) -> None:
    requirement = Requirement(latency_s=1000.0)
    request = make_request(requirement=requirement, loss_budget=0.99)
    outcome = run(request, store)
    assert (outcome.reason, outcome.measured) == ("requirement", 1)
    assert outcome.met is not None
    again = run(request, store)
    assert (again.reason, again.measured) == ("requirement", 0)


def test_a_timeout_starts_no_further_trial(
    run: RunStudy, make_request: MakeRequest, store: Store
) -> None:
    outcome = run(make_request(timeout_s=0.001), store)
    assert (outcome.reason, outcome.measured) == ("timeout", 0)


def test_a_dominated_point_is_given_up_early(
    run: RunStudy, make_request: MakeRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One point that nothing beats comes first; all that follow are dominated.
    run(make_request(trials=1, num_samples=6, sampler="random"), store)
    study = load(store)
    monkeypatch.setattr("studies.run.screening.is_hopeless", lambda *looked_at: bool(looked_at[2]))
    with pytest.raises(StopIteration):
        run(make_request(num_samples=6, sampler="random"), store, stop_after_pruned)
    pruned = [t for t in study.get_trials() if t.state == optuna.trial.TrialState.PRUNED]
    measurement = pruned[0].user_attrs["measurement"]
    assert measurement["stopped_early"]
    assert 2 <= measurement["samples"] < 6
    assert len(read_studies(store)[0].trials) == 1


def stop_after_pruned(progress: Progress) -> None:
    if "given up early" in progress.last:
        raise StopIteration


def test_a_failing_point_keeps_its_reason_and_the_study_goes_on(
    run: RunStudy, make_request: MakeRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerate = METHODS["deepcache"].accelerate

    @wraps(accelerate)
    def fail_at_three(pipe: Any, generate: Any, **params: Any) -> Any:
        if params["cache_branch_id"] == 3:
            raise KeyError("no such block")
        return accelerate(pipe, generate, **params)

    monkeypatch.setattr(METHODS["deepcache"], "accelerate", fail_at_three)
    outcome = run(make_request(), store)
    assert len(outcome.study.trials) == 3
    assert len(outcome.failures) == 1
    failed = [t for t in load(store).trials if t.state == optuna.trial.TrialState.FAIL]
    assert all("no such block" in trial.user_attrs[REASON] for trial in failed)
    monkeypatch.undo()
    assert len(run(make_request(retry_failed=True), store).study.trials) == 4


def test_a_study_whose_every_point_fails_stops_and_says_why(
    run: RunStudy, make_request: MakeRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> Any:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(Objective, "measure", fail)
    with pytest.raises(StudyFailedError, match="CUDA out of memory"):
        run(make_request(), store)
    assert len(load(store).trials) == 3


def test_a_baseline_without_pictures_fails_the_study_at_once(
    run: RunStudy, make_request: MakeRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Objective) -> Any:
        raise MeasurementError("black pictures")

    monkeypatch.setattr(Objective, "measure_baseline", fail)
    with pytest.raises(MeasurementError, match="black"):
        run(make_request(), store)
    assert not optuna.get_all_study_names(store.optuna)


def test_other_library_versions_are_refused_unless_allowed(
    run: RunStudy, make_request: MakeRequest, store: Store
) -> None:
    run(make_request(trials=1), store)
    study = load(store)
    environment = study.user_attrs[ENVIRONMENT]
    environment["versions"]["DeepCache"] = "0.0.9"
    study.set_user_attr(ENVIRONMENT, environment)
    with pytest.raises(StudyRefusedError, match=r"DeepCache 0\.0\.9 -> 0\.1"):
        run(make_request(trials=2), store)
    allowed = make_request(trials=2, allow_version_drift=True)
    assert run(allowed, store).measured == 1


def test_a_library_that_the_stack_does_not_use_locks_no_study(
    run: RunStudy, make_request: MakeRequest, store: Store
) -> None:
    # As the first release kept it, with the libraries of all methods.
    run(make_request(trials=1), store)
    study = load(store)
    environment = study.user_attrs[ENVIRONMENT]
    assert "DeepCache" in environment["versions"]
    assert not {"tgate", "tomesd"} & environment["versions"].keys()
    environment["versions"] |= {"tgate": "0.9", "tomesd": "0.1.3"}
    study.set_user_attr(ENVIRONMENT, environment)

    assert run(make_request(trials=2), store).measured == 1


def test_the_loss_budget_of_a_study_stays_until_another_is_given(
    run: RunStudy, make_request: MakeRequest, store: Store
) -> None:
    budgets = [
        run(make_request(trials=1, loss_budget=budget), store).study.loss_budget
        for budget in (0.3, None, 0.4)
    ]
    assert budgets == [0.3, 0.3, 0.4]


def test_a_worker_killed_while_choosing_holds_nothing_up(
    run: RunStudy, make_request: MakeRequest, store: Store
) -> None:
    run(make_request(trials=3), store)
    load(store).ask()  # Never told, and without a point.
    outcome = run(make_request(), store)
    assert (outcome.reason, len(outcome.study.trials)) == ("points", 4)


def holders(url: str) -> set[int]:
    """Numbers of the processes that measure points, or have measured some."""
    try:
        store = open_store(url)
        claims = list_claims(store.engine, load(store)._study_id)
    except (StorageError, ValueError):
        return set()  # The database is being made.
    store.engine.dispose()
    return {claim.pid for claim in claims}


def test_of_two_processes_one_is_killed_and_one_interrupted_and_a_third_goes_on(
    storage_url: str, run: RunStudy, make_request: MakeRequest
) -> None:
    # Thirty points: none is done before the other has begun.
    command = [
        *(sys.executable, "-m", "accelfront", "study", "--device", "cpu", "--steps", "6"),
        *("--methods", "tome", "--num-samples", "2", "--batch-size", "1", "--trials", "30"),
        *("--storage", storage_url, "--no-confirm"),
    ]
    killed, interrupted = (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    )
    while not holders(storage_url) >= {killed.pid, interrupted.pid}:
        assert killed.poll() is None and interrupted.poll() is None
        time.sleep(0.1)
    killed.kill()
    interrupted.send_signal(signal.SIGINT)
    stdout, stderr = interrupted.communicate(timeout=240)
    killed.communicate()
    assert interrupted.returncode == 130, stderr
    assert "the same command goes on" in stderr
    assert "speedup" in stdout
    before = read_studies(open_store(storage_url))[0]
    assert 1 <= len(before.trials) < 30
    # Only the killed one left something: a trial that another run will fail.
    assert before.states.keys() <= {"complete", "running", "fail"}
    wanted = len(before.trials) + 2
    request = make_request(methods=("tome",), steps=6, trials=wanted)
    study = run(request, open_store(storage_url)).study
    assert study.trials[: len(before.trials)] == before.trials
    assert len({point_key(trial.params) for trial in study.trials}) == len(study.trials) == wanted
    assert study.states["complete"] == wanted
    assert study.states.get("fail", 0) <= 1


def test_a_second_ctrl_c_ends_at_once_and_frees_the_point(
    run: RunStudy, storage_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def interrupt_twice() -> None:
        if not measured:
            measured.append("interrupted")
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the second Ctrl-C went unheard")

    monkeypatch.setattr("studies.run.runner.Workbench", lambda: StubWorkbench(interrupt_twice))
    quick = ("--methods", "deepcache", "--steps", "2", "--no-confirm")
    command = ("study", *quick, "--storage", storage_url)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        answer = command_line.run(*command)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    except KeyboardInterrupt:
        pytest.fail("the second Ctrl-C was not told")
    finally:
        signal.signal(signal.SIGINT, before)
    assert answer.returncode == 130
    assert answer.stderr.splitlines()[-1] == "Interrupted at once; the same command goes on."
    [failed] = load(open_store(storage_url)).trials
    assert failed.user_attrs[REASON] == "interrupted"
    assert command_line.run(*command).returncode == 0
    [study] = read_studies(open_store(storage_url))
    assert study.states == {"fail": 1, "complete": 4}
    assert failed.user_attrs[POINT] in [trial.params for trial in study.trials]
