"""Studies of the shipped pipeline, for real, at a size that measures a point within a second."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna_dashboard import get_note
from PIL import Image

from accel_space.stack import METHODS, point_key
from objectives.errors import MeasurementError
from objectives.objective import Objective
from storage.records import DUPLICATE_OF, ENVIRONMENT, MEASUREMENT, REASON, read_studies
from storage.requirement import Requirement
from storage.store import Store, open_store
from studies.errors import StudyFailedError, StudyRefusedError
from studies.plan import make_plan
from studies.runner import Progress, run_study
from tests.studies.conftest import MakeRequest

pytestmark = pytest.mark.usefixtures("quiet_machine")

STUDY = [
    *(sys.executable, "-m", "accelfront", "study", "--device", "cpu", "--steps", "6"),
    *("--methods", "deepcache", "--num-samples", "2", "--batch-size", "1", "--no-confirm"),
]


def load(store: Store) -> optuna.Study:
    [name] = optuna.get_all_study_names(store.optuna)
    return optuna.load_study(study_name=name, storage=store.optuna)


def wait_for_trials(url: str, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until a running study has completed so many trials."""
    database = Path(url.removeprefix("sqlite:///"))
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if database.exists():
            try:
                if len(read_studies(open_store(url))[0].trials) >= count:
                    return
            except ValueError:
                pass  # The database is being made.
        time.sleep(0.2)
    pytest.fail(f"the study did not reach {count} trials; exit code {process.poll()}")


def test_all_points_are_measured_once_and_a_second_run_measures_nothing(
    make_request: MakeRequest, store: Store
) -> None:
    plan = make_plan(make_request())
    assert len(plan.stack.points) == 16
    seen: list[Progress] = []
    first = run_study(plan, store, seen.append)
    assert (first.reason, first.measured, len(first.study.trials)) == ("points", 16, 16)
    assert {point_key(trial.params) for trial in first.study.trials} == {
        point_key(point) for point in plan.stack.points
    }
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    second = run_study(plan, store, seen.append)
    assert (second.measured, second.study.front) == (0, first.study.front)
    assert len(load(store).trials) == 16


def test_more_trials_go_on_with_the_same_study(make_request: MakeRequest, store: Store) -> None:
    first = run_study(make_plan(make_request(trials=2)), store)
    second = run_study(make_plan(make_request(trials=3)), store)
    assert (first.reason, second.reason, second.measured) == ("trials", "trials", 1)
    assert first.study.name == second.study.name
    assert second.study.trials[:2] == first.study.trials


def test_a_study_goes_on_in_postgres_too(make_request: MakeRequest, postgres_url: str) -> None:
    first = run_study(make_plan(make_request(trials=1)), open_store(postgres_url, create=True))
    second = run_study(make_plan(make_request(trials=2)), open_store(postgres_url))
    assert (first.measured, second.measured) == (1, 1)
    assert second.study.trials[0] == first.study.trials[0]


def test_two_processes_share_a_study_without_measuring_a_point_twice(storage_url: str) -> None:
    command = [*STUDY, "--storage", storage_url, "--trials", "16"]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [worker.communicate(timeout=240)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    [record] = read_studies(open_store(storage_url))
    assert len({point_key(trial.params) for trial in record.trials}) == 16
    assert record.states == {"complete": 16}


def test_where_the_time_went_is_kept(make_request: MakeRequest, store: Store) -> None:
    [trial] = run_study(make_plan(make_request(trials=1)), store).study.trials
    seconds = trial.measurement["seconds"]
    assert {"generate", "baseline", "score", "patch", "sample", "store"} == seconds.keys()
    assert all(spent >= 0 for spent in seconds.values())


def test_the_dashboard_gets_a_grid_for_each_trial_and_a_note_for_the_study(
    make_request: MakeRequest, store: Store, tmp_path: Path
) -> None:
    outcome = run_study(make_plan(make_request(trials=2)), store)
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
    assert "| measured | 2 of 16 points |" in get_note(study)
    assert study.metric_names == ["speedup", "clip_loss"]


def test_numbers_survive_pictures_that_cannot_be_kept(
    make_request: MakeRequest, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "accelfront-artifacts").write_text("a file in the folder's place")
    outcome = run_study(make_plan(make_request(trials=1)), store)
    assert (outcome.measured, len(outcome.study.trials)) == (1, 1)
    assert outcome.unkept is not None and "pictures cannot be kept in" in outcome.unkept


def test_a_repeat_is_told_its_values_and_counts_nothing(
    make_request: MakeRequest, store: Store
) -> None:
    # Nine of sixteen points at random: with this seed one of them comes again.
    outcome = run_study(make_plan(make_request(trials=9, sampler="random")), store)
    keys = [point_key(trial.params) for trial in outcome.study.trials]
    assert len(keys) == len(set(keys)) == 9
    repeats = [t for t in load(store).trials if t.user_attrs.get(DUPLICATE_OF) is not None]
    assert repeats
    by_number = {trial.number: trial for trial in outcome.study.trials}
    for repeat in repeats:
        if repeat.state == optuna.trial.TrialState.COMPLETE:
            original = by_number[repeat.user_attrs[DUPLICATE_OF]]
            assert repeat.values == [original.speedup, original.clip_loss]


def test_a_met_requirement_ends_the_search(make_request: MakeRequest, store: Store) -> None:
    requirement = Requirement(latency_s=1000.0)
    request = make_request(requirement=requirement, loss_budget=0.99)
    outcome = run_study(make_plan(request), store)
    assert (outcome.reason, outcome.measured) == ("requirement", 1)
    assert outcome.met is not None
    again = run_study(make_plan(request), store)
    assert (again.reason, again.measured) == ("requirement", 0)


def test_a_timeout_starts_no_further_trial(make_request: MakeRequest, store: Store) -> None:
    outcome = run_study(make_plan(make_request(timeout_s=0.001)), store)
    assert (outcome.reason, outcome.measured) == ("timeout", 0)


def test_a_dominated_point_is_given_up_early(
    make_request: MakeRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One point that nothing beats comes first; all that follow are dominated.
    plan = make_plan(make_request(trials=3, num_samples=6, sampler="random"))
    run_study(make_plan(make_request(trials=1, num_samples=6, sampler="random")), store)
    study = load(store)
    monkeypatch.setattr("studies.screening.is_hopeless", lambda *looked_at: bool(looked_at[2]))
    with pytest.raises(StopIteration):
        run_study(plan, store, stop_after_pruned(study))
    pruned = [t for t in study.get_trials() if t.state == optuna.trial.TrialState.PRUNED]
    measurement = pruned[0].user_attrs["measurement"]
    assert measurement["stopped_early"]
    assert 2 <= measurement["samples"] < 6
    assert len(read_studies(store)[0].trials) == 1


def stop_after_pruned(study: optuna.Study) -> Any:
    def watch(progress: Progress) -> None:
        if "given up early" in progress.last:
            raise StopIteration

    return watch


def test_a_failing_point_keeps_its_reason_and_the_study_goes_on(
    make_request: MakeRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = METHODS["deepcache"].apply

    def fail_at_three(pipe: Any, params: Any, context: Any, generate: Any) -> Any:
        if params["cache_interval"] == 3:
            raise KeyError("no such block")
        return apply(pipe, params, context, generate)

    monkeypatch.setattr(METHODS["deepcache"], "apply", fail_at_three)
    plan = make_plan(make_request())
    outcome = run_study(plan, store)
    assert len(outcome.study.trials) == 12
    assert len(outcome.failures) == 4
    failed = [t for t in load(store).trials if t.state == optuna.trial.TrialState.FAIL]
    assert all("no such block" in trial.user_attrs[REASON] for trial in failed)
    monkeypatch.undo()
    assert len(run_study(plan, store).study.trials) == 16


def test_a_study_whose_every_point_fails_stops_and_says_why(
    make_request: MakeRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> Any:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(Objective, "measure", fail)
    with pytest.raises(StudyFailedError, match="CUDA out of memory"):
        run_study(make_plan(make_request()), store)
    assert len(load(store).trials) == 3


def test_a_baseline_without_pictures_fails_the_study_at_once(
    make_request: MakeRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Objective) -> Any:
        raise MeasurementError("black pictures")

    monkeypatch.setattr(Objective, "measure_baseline", fail)
    with pytest.raises(MeasurementError, match="black"):
        run_study(make_plan(make_request()), store)
    assert not load(store).trials


def test_other_library_versions_are_refused_unless_allowed(
    make_request: MakeRequest, store: Store
) -> None:
    run_study(make_plan(make_request(trials=1)), store)
    study = load(store)
    environment = study.user_attrs[ENVIRONMENT]
    environment["versions"]["tgate"] = "0.9"
    study.set_user_attr(ENVIRONMENT, environment)
    with pytest.raises(StudyRefusedError, match=r"tgate 0\.9 -> 1\.0"):
        run_study(make_plan(make_request(trials=2)), store)
    allowed = make_request(trials=2, allow_version_drift=True)
    assert run_study(make_plan(allowed), store).measured == 1


def test_the_loss_budget_of_a_study_stays_until_another_is_given(
    make_request: MakeRequest, store: Store
) -> None:
    budgets = [
        run_study(make_plan(make_request(trials=1, loss_budget=budget)), store).study.loss_budget
        for budget in (0.3, None, 0.4)
    ]
    assert budgets == [0.3, 0.3, 0.4]


def test_a_killed_study_loses_no_trial_and_is_finished_by_the_next_run(storage_url: str) -> None:
    command = [*STUDY, "--storage", storage_url, "--trials", "16"]
    process = subprocess.Popen(command, text=True, stderr=subprocess.DEVNULL)
    wait_for_trials(storage_url, 3, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = read_studies(open_store(storage_url))[0].trials
    assert 3 <= len(before) < 16
    subprocess.run(command, check=True, capture_output=True)
    after = read_studies(open_store(storage_url))[0].trials
    assert after[: len(before)] == before
    assert len({point_key(trial.params) for trial in after}) == len(after) == 16


def test_a_worker_killed_while_choosing_holds_nothing_up(
    make_request: MakeRequest, store: Store
) -> None:
    run_study(make_plan(make_request(trials=14)), store)
    load(store).ask()  # Never told, and without a point.
    outcome = run_study(make_plan(make_request()), store)
    assert (outcome.reason, len(outcome.study.trials)) == ("points", 16)


def test_ctrl_c_ends_after_the_running_trial(storage_url: str) -> None:
    command = [*STUDY, "--storage", storage_url, "--trials", "16"]
    process = subprocess.Popen(command, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    wait_for_trials(storage_url, 1, process)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert "the same command goes on" in stderr
    assert "speedup" in stdout
    record = read_studies(open_store(storage_url))[0]
    assert 1 <= len(record.trials) < 16
    assert set(record.states) == {"complete"}


def test_a_second_ctrl_c_ends_at_once_and_frees_the_point(storage_url: str) -> None:
    command = [*STUDY, "--storage", storage_url, "--trials", "16"]
    process = subprocess.Popen(command, text=True, stderr=subprocess.PIPE)
    wait_for_trials(storage_url, 1, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == "Interrupted at once; the same command goes on."
    assert "Traceback" not in stderr
    subprocess.run(command, check=True, capture_output=True)
    assert len(read_studies(open_store(storage_url))[0].trials) == 16
