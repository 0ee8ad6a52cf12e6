from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from storage.database.opening import Store
from storage.errors import NoStudiesError, StorageError
from storage.reading.studies import read_studies, read_study
from storage.study_store import attributes as keys
from tests.made_records import changed, made_combination, made_protocol
from tests.made_reports import made_trial

COMBINATION = made_combination("deepcache", "tome")

PROTOCOL = made_protocol()

STUDY_FIELDS = [
    "study", "pipeline", "scheduler", "steps", "methods", "device", "model", "loss_budget",
    "doubt", "trials", "foreign_trials", "front", "answer", "bolder", "failed",
    "budgets", "ruled_out", "label", "loss",
]  # fmt: skip

POINT_FIELDS = [
    "trial", "params", "speedup", "speedup_ci", "latency_s", "baseline_latency_s", "clip_loss",
    "clip_loss_ci", "image_similarity", "judged_speedup", "judged_speedup_ci", "judged_latency_s",
    "judged_clip_loss", "judged_clip_loss_ci", "chance_inside",
]  # fmt: skip


def make_study(store: Store, name: str = "one") -> optuna.Study:
    study = optuna.create_study(
        study_name=name, storage=store.optuna, directions=["maximize", "minimize"]
    )
    attributes = {
        keys.COMBINATION: COMBINATION.as_json(),
        keys.PROTOCOL: PROTOCOL.as_json(),
        keys.ENVIRONMENT: {"device": "a CPU", "versions": {"torch": "2.12.0"}},
        keys.SPACE: {"distinct": 16, "grid": 16, "choices": {"ratio": [0.1, 0.5]}},
        keys.LOSS_BUDGET: 0.02,
    }
    for key, value in attributes.items():
        study.set_user_attr(key, value)
    return study


def measurement(speedup: float, clip_loss: float) -> dict[str, Any]:
    """Of a baseline that takes 0.5 s."""
    return {
        **made_trial(0, speedup, clip_loss, baseline_s=0.5).measurement.as_json(),
        "speedup_ci": (speedup - 0.1, speedup + 0.1),
        "samples": 32,
    }


def add_trial(
    study: optuna.Study,
    point: dict[str, int | float],
    values: tuple[float, float] = (2.0, 0.01),
    state: TrialState = TrialState.COMPLETE,
    duplicate_of: int | str | None = "not a duplicate",
) -> None:
    attributes: dict[str, Any] = {keys.POINT: point}
    if duplicate_of != "not a duplicate":
        attributes[keys.DUPLICATE_OF] = duplicate_of
    elif state in (TrialState.COMPLETE, TrialState.PRUNED):
        attributes[keys.MEASUREMENT] = measurement(*values)
    if state == TrialState.FAIL:
        attributes[keys.REASON] = "black pictures"
    complete = state == TrialState.COMPLETE
    trial = create_trial(state=state, values=values if complete else None, user_attrs=attributes)
    study.add_trial(trial)


def test_empty_study_reads_back(store: Store) -> None:
    record = read_study(make_study(store))
    assert record.name == "one"
    assert record.combination == COMBINATION
    assert record.device == "a CPU"
    assert record.loss_budget == 0.02
    assert record.protocol == PROTOCOL
    assert record.versions == {"torch": "2.12.0"}
    assert record.space.distinct == 16
    assert (record.trials, record.front, record.states) == ([], [], {})


def test_completed_points_read_back_by_trial_number(
    store: Store, url: str, opened: Callable[..., Store]
) -> None:
    study = make_study(store)
    add_trial(study, {"cache_interval": 3, "ratio": 0.5}, (2.0, 0.01))
    add_trial(study, {"cache_interval": 5, "ratio": 0.9}, (3.0, 0.04))
    (record,) = read_studies(opened(url))
    first, second = record.trials
    assert (first.number, first.params) == (0, {"deepcache.cache_interval": 3, "tome.ratio": 0.5})
    assert isinstance(first.params["deepcache.cache_interval"], int)
    assert (second.speedup, second.clip_loss) == (3.0, 0.04)
    assert second.measurement.samples == 32


def test_only_distinct_complete_points_count(store: Store) -> None:
    study = make_study(store)
    add_trial(study, {"ratio": 0.1})
    add_trial(study, {"ratio": 0.1}, duplicate_of=0)
    add_trial(study, {"ratio": 0.2}, state=TrialState.PRUNED)
    add_trial(study, {"ratio": 0.2}, state=TrialState.PRUNED, duplicate_of=None)
    add_trial(study, {"ratio": 0.3}, state=TrialState.FAIL)
    add_trial(study, {"ratio": 0.4}, (1.5, 0.0))
    study.ask()
    record = read_study(study)
    assert [trial.number for trial in record.trials] == [0, 5]
    assert record.states == {"complete": 2, "pruned": 1, "fail": 1, "running": 1}
    assert record.as_json()["trials"] == 2


def test_front_is_non_dominated_and_fastest_first(store: Store) -> None:
    study = make_study(store)
    for speedup, loss in ((1.5, 0.0), (2.5, 0.01), (2.0, 0.02), (3.0, 0.1)):
        add_trial(study, {"ratio": speedup}, (speedup, loss))
    front = read_study(study).front
    assert [trial.speedup for trial in front] == [3.0, 2.5, 1.5]


def test_json_has_the_fields_that_users_rely_on(store: Store) -> None:
    study = make_study(store)
    add_trial(study, {"ratio": 0.5}, (2.0, 0.01))
    add_trial(study, {"ratio": 0.9}, (1.0, 0.05))
    written = json.loads(json.dumps(read_study(study).as_json(), allow_nan=False))
    assert list(written) == STUDY_FIELDS
    (point,) = written["front"]
    assert list(point) == POINT_FIELDS
    assert {key: written[key] for key in STUDY_FIELDS if key != "front"} == {
        "study": "one",
        **COMBINATION.as_json(),
        "device": "a CPU",
        "model": PROTOCOL.model,
        "loss_budget": 0.02,
        "doubt": None,
        "trials": 2,
        "foreign_trials": 0,
        "failed": [],
        "budgets": {"clip_loss": 0.02},
        "ruled_out": [],
        "answer": point,
        "bolder": None,
        "label": None,
        "loss": "clip_loss",
    }
    assert point == {
        "trial": 0,
        "params": {"ratio": 0.5},
        "speedup": 2.0,
        "speedup_ci": [1.9, 2.1],
        "latency_s": 0.25,
        "baseline_latency_s": 0.5,
        "clip_loss": 0.01,
        "clip_loss_ci": [0.0, 0.02],
        "image_similarity": 0.95,
        "judged_speedup": 2.0,
        "judged_speedup_ci": [1.9, 2.1],
        "judged_latency_s": 0.25,
        "judged_clip_loss": 0.01,
        "judged_clip_loss_ci": [0.0, 0.02],
        "chance_inside": 0.975,
    }


def test_a_point_is_told_in_the_digits_that_are_kept_of_it() -> None:
    """Optuna was told more of them by earlier releases."""
    kept = made_trial(0, 2.0, 0.0123457)
    told = changed(kept, speedup=2.00000001, loss=0.0123456789).as_json()
    figures = ("speedup", "judged_speedup", "clip_loss", "judged_clip_loss")
    assert [told[name] for name in figures] == [2.0, 2.0, 0.0123457, 0.0123457]


@pytest.mark.parametrize(("kept", "told"), [({"gpu_bound": 0.4}, 0.4), ({"gpu_bound": None}, None)])
def test_a_point_tells_its_gpu_bound_share_where_that_is_known(
    kept: dict[str, Any], told: float | None
) -> None:
    measured = made_trial(0, 2.0, 0.01, **kept).as_json()
    assert measured.get("gpu_bound") == told
    assert ("gpu_bound" in measured) is (told is not None)


def test_studies_read_by_name(store: Store) -> None:
    for name in ("b", "c", "a"):
        make_study(store, name)
    assert [record.name for record in read_studies(store)] == ["a", "b", "c"]
    assert [record.name for record in read_studies(store, "c")] == ["c"]


def test_unknown_study_is_refused_with_those_there_are(store: Store) -> None:
    make_study(store, "known")
    with pytest.raises(StorageError, match="has no study 'other'; the nearest: known"):
        read_studies(store, "other")


def test_database_without_studies_is_refused(store: Store) -> None:
    for name in (None, "other"):
        with pytest.raises(NoStudiesError, match="holds no studies; `accelfront study` makes some"):
            read_studies(store, name)


def test_studies_of_others_and_unfinished_ones_are_left_out(store: Store) -> None:
    optuna.create_study(study_name="theirs", storage=store.optuna)
    begun = optuna.create_study(
        study_name="begun", storage=store.optuna, directions=["maximize", "minimize"]
    )
    begun.set_user_attr(keys.COMBINATION, COMBINATION.as_json())
    with pytest.raises(StorageError, match="holds no studies"):
        read_studies(store)
    make_study(store)
    assert [record.name for record in read_studies(store)] == ["one"]


def test_a_point_completed_twice_counts_once(store: Store) -> None:
    # A worker suspended in the middle of its last write, and the one that was given its point.
    study = make_study(store)
    add_trial(study, {"ratio": 0.1}, (2.0, 0.01))
    add_trial(study, {"ratio": 0.1}, (2.1, 0.01))
    assert [trial.number for trial in read_study(study).trials] == [0]
    assert [trial.number for trial in read_studies(store)[0].trials] == [0]


def test_both_ways_of_reading_agree(store: Store) -> None:
    study = make_study(store)
    for ratio in (0.1, 0.2):
        add_trial(study, {"ratio": ratio}, (2.0 + ratio, ratio))
    add_trial(study, {"ratio": 0.3}, state=TrialState.PRUNED)
    add_trial(study, {"ratio": 0.1}, duplicate_of=0)
    [bulk] = read_studies(store)
    single = read_study(study)
    assert bulk.trials[0].measurement.speedup_ci == (2.0, 2.2)
    assert (bulk.as_json(), bulk.states) == (single.as_json(), single.states)


def test_measurements_on_the_front_and_off_it_read_back(store: Store) -> None:
    study = make_study(store)
    for speedup in (1.0, 2.0, 3.0):
        add_trial(study, {"ratio": speedup}, (speedup, 0.01))
    [record] = read_studies(store)
    assert [trial.measurement.speedup for trial in record.front] == [3.0]
    assert [trial.measurement.speedup for trial in record.trials] == [1.0, 2.0, 3.0]
