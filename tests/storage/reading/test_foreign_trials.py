"""Trials that Optuna's API added: whoever reads a study believes only what accelfront measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from storage.database.opening import Store
from storage.errors import StorageError
from storage.reading.studies import completed, read_studies, read_study
from storage.records.points import by_whole_names
from storage.records.study import Study
from storage.study_store import attributes as keys
from storage.study_store.rows import ATTRIBUTES, STUDY_ATTRIBUTES
from tests.made_studies import add_point, add_study, confirm

POINT: dict[str, int | float] = {"cache_interval": 3, "warm_up": 2}

SPACE: dict[str, BaseDistribution] = {"cache_interval": IntDistribution(2, 5)}


def by_add_trial(study: optuna.Study) -> None:
    study.add_trial(
        create_trial(params={"cache_interval": 5}, distributions=SPACE, values=[9.0, -0.5])
    )


def by_optimize(study: optuna.Study) -> None:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        return 9.0 + trial.suggest_int("cache_interval", 2, 5), -0.5

    study.sampler = optuna.samplers.RandomSampler(seed=0)
    study.optimize(objective, n_trials=1)


def by_tell(study: optuna.Study) -> None:
    study.tell(study.ask(), [9.0, -0.5])


def by_enqueue(study: optuna.Study) -> None:
    study.enqueue_trial({"cache_interval": 5})
    study.tell(study.ask(SPACE), [9.0, -0.5])


def with_half_of_our_attributes(study: optuna.Study) -> None:
    study.add_trial(create_trial(values=[9.0, -0.5], user_attrs={keys.POINT: POINT}))


def with_other_shapes(study: optuna.Study) -> None:
    attributes: dict[str, Any] = {keys.POINT: [3, 2], keys.MEASUREMENT: "fast"}
    study.add_trial(create_trial(values=[9.0, -0.5], user_attrs=attributes))


def with_beyond_all_figures(study: optuna.Study) -> None:
    [ours] = completed(study.get_trials(deepcopy=False))
    measured = {**ours.measurement.as_json(), "latency_s": 1e300}
    attributes = {keys.POINT: {"warm_up": 1}, keys.MEASUREMENT: measured}
    study.add_trial(create_trial(values=[1e300, -0.5], user_attrs=attributes))


WAYS = (
    by_add_trial,
    by_optimize,
    by_tell,
    by_enqueue,
    with_half_of_our_attributes,
    with_other_shapes,
    with_beyond_all_figures,
)


def both_readings(store: Store, study: optuna.Study) -> list[Study]:
    """Through Optuna, and through rows."""
    [bulk] = read_studies(store, study.study_name)
    return [read_study(study), bulk]


@pytest.mark.parametrize("add", WAYS)
def test_a_complete_trial_that_accelfront_did_not_measure_counts_for_nothing(
    store: Store, add: Callable[[optuna.Study], None]
) -> None:
    study = add_study(store, "deepcache")
    add_point(study, POINT, (1.5, 1.4, 1.6), (0.01, 0.0, 0.02))
    add(study)
    for record in both_readings(store, study):
        assert [trial.params for trial in record.trials] == [by_whole_names(POINT)]
        assert [point["speedup"] for point in record.as_json()["front"]] == [1.5]
        assert (record.foreign_trials, record.states) == (1, {"complete": 1})


def test_all_that_is_ours_is_in_a_copied_study(store: Store) -> None:
    study = add_study(store, "deepcache")
    add_point(study, POINT, (1.5, 1.4, 1.6), (0.01, 0.0, 0.02))
    confirm(study, POINT, (1.4, 1.3, 1.5), (0.0, 0.0, 0.01))
    by_add_trial(study)
    optuna.copy_study(
        from_study_name=study.study_name, to_study_name="a copy",
        from_storage=store.optuna, to_storage=store.optuna,
    )  # fmt: skip
    copy = optuna.load_study(study_name="a copy", storage=store.optuna)
    for original, record in zip(
        both_readings(store, study), both_readings(store, copy), strict=True
    ):
        assert (record.trials, record.foreign_trials) == (original.trials, 1)
        assert record.trials[0].confirmed is not None


@pytest.mark.parametrize("attributes", [{"duplicate_of": "none", "measurement": {"look": "x"}}, {}])
def test_a_second_look_that_is_none_of_ours_is_left_out(
    store: Store, attributes: dict[str, Any]
) -> None:
    study = add_study(store, "deepcache")
    add_point(study, POINT, (1.5, 1.4, 1.6), (0.01, 0.0, 0.02))
    study.add_trial(create_trial(state=TrialState.PRUNED, user_attrs=attributes))
    for record in both_readings(store, study):
        assert [trial.confirmed for trial in record.trials] == [None]


BROKEN = {
    "combination without steps": (keys.COMBINATION, '{"pipeline": "x", "methods": ["tome"]}'),
    "no JSON": (keys.PROTOCOL, "{"),
    "a lone surrogate": (keys.ENVIRONMENT, '{"device": "\\ud800", "versions": {}}'),
    "a number of 5,000 digits": (keys.SPACE, "1" * 5000),
    "brackets without end": (keys.SPACE, "[" * 3000),
    "a budget beyond all": (keys.LOSS_BUDGET, "1e400"),
    "text for a list": (keys.COMBINATION, '{"methods": "deepcache"}'),
}


@pytest.mark.parametrize(("key", "text"), BROKEN.values(), ids=BROKEN.keys())
def test_a_study_that_cannot_be_read_is_named_and_the_others_are_read(
    store: Store, key: str, text: str
) -> None:
    broken, sound = add_study(store, "deepcache"), add_study(store, "tome")
    with store.engine.begin() as connection:
        connection.execute(
            STUDY_ATTRIBUTES.update()
            .where(STUDY_ATTRIBUTES.c.study_id == broken._study_id, STUDY_ATTRIBUTES.c.key == key)
            .values(value_json=text)
        )
    told: list[str] = []
    assert [each.name for each in read_studies(store, tell=told.append)] == [sound.study_name]
    [line] = told
    assert broken.study_name in line and key in line and "\n" not in line and len(line) < 300
    with pytest.raises(StorageError, match=key):
        read_studies(store, broken.study_name)


def test_a_trial_with_broken_attributes_hides_no_other_one(store: Store) -> None:
    study = add_study(store, "deepcache")
    for interval in (2, 3):
        add_point(study, {"cache_interval": interval}, (1.5, 1.4, 1.6), (0.01, 0.0, 0.02))
    with store.engine.begin() as connection:
        connection.execute(
            ATTRIBUTES.update()
            .where(ATTRIBUTES.c.value_json == json.dumps({"cache_interval": 2}))
            .values(value_json="{")
        )
    [record] = read_studies(store)
    assert [trial.params for trial in record.trials] == [{"deepcache.cache_interval": 3}]
    assert record.foreign_trials == 1
