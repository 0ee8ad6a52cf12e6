"""Studies of the shipped pipeline, for real: measured once, gone on with, kept."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna_dashboard import get_note
from PIL import Image

from storage.database.opening import Store, open_store
from storage.errors import StudyRefusedError
from storage.records.points import point_key
from storage.study_store.artifacts import PICTURE_NAME, WORST_NAME
from storage.study_store.attributes import DUPLICATE_OF, ENVIRONMENT, MEASUREMENT
from studies.plan import make_plan
from studies.run.progress import Progress
from tests.studies.conftest import MakeRequest
from tests.studies.run.conftest import RunStudy, load


def test_all_points_are_measured_once_and_a_second_run_measures_nothing(
    run: RunStudy, make_small_request: MakeRequest, store: Store
) -> None:
    points = make_plan(make_small_request()).stack.points
    assert len(points) == 4
    seen: list[Progress] = []
    first = run(make_small_request(), store, seen.append)
    assert (first.reason, first.measured, len(first.study.trials)) == ("points", 4, 4)
    assert {point_key(trial.params) for trial in first.study.trials} == set(map(point_key, points))
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    second = run(make_small_request(), store, seen.append)
    assert (second.measured, second.study.front) == (0, first.study.front)
    assert len(load(store).trials) == 4


@pytest.mark.thorough
def test_more_trials_go_on_with_the_same_study(
    run: RunStudy, make_small_request: MakeRequest, store: Store
) -> None:
    first = run(make_small_request(trials=2), store)
    second = run(make_small_request(trials=3), store)
    assert (first.reason, second.reason, second.measured) == ("trials", "trials", 1)
    assert first.study.name == second.study.name
    assert second.study.trials[:2] == first.study.trials


def test_a_study_goes_on_in_postgres_too(
    run_made_up: RunStudy, make_small_request: MakeRequest, postgres_url: str
) -> None:
    first = run_made_up(make_small_request(trials=1), open_store(postgres_url, create=True))
    second = run_made_up(make_small_request(trials=2), open_store(postgres_url))
    assert (first.measured, second.measured) == (1, 1)
    assert second.study.trials[0] == first.study.trials[0]


def test_where_the_time_went_is_kept(
    run: RunStudy, make_small_request: MakeRequest, store: Store
) -> None:
    [trial] = run(make_small_request(trials=1), store).study.trials
    seconds = trial.measurement.seconds
    assert {"generate", "baseline", "score", "patch", "sample", "store"} == seconds.keys()
    assert all(spent >= 0 for spent in seconds.values())


def test_the_dashboard_gets_a_grid_for_each_trial_and_a_note_for_the_study(
    run: RunStudy, make_small_request: MakeRequest, store: Store, tmp_path: Path
) -> None:
    outcome = run(make_small_request(trials=2), store)
    assert outcome.unkept is None
    study = load(store)
    for trial, point in zip(study.trials, outcome.study.trials, strict=True):
        kept = get_all_artifact_meta(trial, storage=store.optuna)
        assert {meta.filename for meta in kept} == {PICTURE_NAME, WORST_NAME}
        for meta in kept:
            assert meta.mimetype == "image/webp"
            with Image.open(tmp_path / "accelfront-artifacts" / meta.artifact_id) as grid:
                # Two pictures side by side, each under its baseline.
                assert grid.size == (516, 516)
        losses = [each.loss for each in point.measurement.pictured]
        assert len(losses) == 2 and losses == sorted(losses, reverse=True)
        # Of the same prompts in every trial, so that two trials can be seen side by side.
        assert [each.prompt for each in point.measurement.shared] == [1, 0]
        # optuna-dashboard cuts longer attributes: of the figures, only those of other metrics.
        assert '"metrics": {' in json.dumps(trial.user_attrs[MEASUREMENT])[:1024]
    assert "| measured | 2 of 4 points |" in get_note(study)
    assert study.metric_names == ["speedup", "clip_loss"]


def test_numbers_survive_pictures_that_cannot_be_kept(
    run: RunStudy, make_small_request: MakeRequest, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "accelfront-artifacts").write_text("a file in the folder's place")
    outcome = run(make_small_request(trials=1), store)
    assert (outcome.measured, len(outcome.study.trials)) == (1, 1)
    assert outcome.unkept is not None and "pictures cannot be kept in" in outcome.unkept


def test_a_repeat_is_told_its_values_and_counts_nothing(
    run_made_up: RunStudy, make_small_request: MakeRequest, store: Store
) -> None:
    # All four points at random: with this seed one of them comes again before the last.
    outcome = run_made_up(make_small_request(sampler="random"), store)
    keys = [point_key(trial.params) for trial in outcome.study.trials]
    assert len(keys) == len(set(keys)) == 4
    repeats = [t for t in load(store).trials if t.user_attrs.get(DUPLICATE_OF) is not None]
    assert repeats
    by_number = {trial.number: trial for trial in outcome.study.trials}
    for repeat in repeats:
        if repeat.state == optuna.trial.TrialState.COMPLETE:
            original = by_number[repeat.user_attrs[DUPLICATE_OF]]
            assert repeat.values == [original.speedup, original.clip_loss]


def test_other_library_versions_are_refused_unless_allowed(
    run_made_up: RunStudy, make_small_request: MakeRequest, store: Store
) -> None:
    run_made_up(make_small_request(trials=1), store)
    study = load(store)
    environment = study.user_attrs[ENVIRONMENT]
    environment["versions"]["DeepCache"] = "0.0.9"
    study.set_user_attr(ENVIRONMENT, environment)
    with pytest.raises(StudyRefusedError, match=r"DeepCache 0\.0\.9 -> 0\.1"):
        run_made_up(make_small_request(trials=2), store)
    allowed = make_small_request(trials=2, allow_version_drift=True)
    assert run_made_up(allowed, store).measured == 1


def test_a_library_that_the_stack_does_not_use_locks_no_study(
    run_made_up: RunStudy, make_small_request: MakeRequest, store: Store
) -> None:
    # As the first release kept it, with the libraries of all methods.
    run_made_up(make_small_request(trials=1), store)
    study = load(store)
    environment = study.user_attrs[ENVIRONMENT]
    assert "DeepCache" in environment["versions"]
    assert not {"tgate", "tomesd"} & environment["versions"].keys()
    environment["versions"] |= {"tgate": "0.9", "tomesd": "0.1.3"}
    study.set_user_attr(ENVIRONMENT, environment)

    assert run_made_up(make_small_request(trials=2), store).measured == 1


def test_the_loss_budget_of_a_study_stays_until_another_is_given(
    run_made_up: RunStudy, make_small_request: MakeRequest, store: Store
) -> None:
    budgets = [
        run_made_up(make_small_request(trials=1, loss_budget=budget), store).study.loss_budget
        for budget in (0.3, None, 0.4)
    ]
    assert budgets == [0.3, 0.3, 0.4]
