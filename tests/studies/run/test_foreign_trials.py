"""Studies that others have added trials to, through Optuna, go on as if they had not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from benchmarks.storage.stub_loader import REQUEST, work
from storage.database.opening import open_store
from storage.records.points import point_key
from storage.study_store.attributes import MEASUREMENT, POINT, REASON
from studies.plan import Plan, make_plan
from tests.tiers.covering import taking_turns


def plan_of(sampler: str, trials: int) -> Plan:
    request = replace(REQUEST, methods=("deepcache",), steps=6, sampler=sampler, confirm=False)
    return make_plan(replace(request, trials=trials))


@pytest.fixture(params=taking_turns(("auto", "grid", "tpe"), of=3))
def sampler(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def study_of_two(url: str, sampler: str) -> optuna.Study:
    """A study with two points, to be added to."""
    name = work(url, plan_of(sampler, 2), lambda: None).study.name
    return optuna.load_study(study_name=name, storage=open_store(url).optuna)


def go_on(url: str, sampler: str) -> Any:
    """Measure all that is left of the space, each point once."""
    plan = plan_of(sampler, 16)
    study = work(url, plan, lambda: None).study
    keys = {point_key(trial.params) for trial in study.trials}
    assert keys == {point_key(point) for point in plan.stack.points}
    assert study.states["complete"] == len(keys)
    return study


def test_a_study_with_trials_of_others_is_measured_to_its_end(
    storage_url: str, sampler: str
) -> None:
    study = study_of_two(storage_url, sampler)
    first = study.get_trials(deepcopy=False)[0]
    free = {"cache_interval": 4, "cache_branch_id": 2}
    for params in (first.params, free, {**free, "cache_interval": 2}):
        for state in (TrialState.COMPLETE, TrialState.PRUNED):
            study.add_trial(
                create_trial(
                    state=state,
                    values=[99.0, -0.9] if state == TrialState.COMPLETE else None,
                    params=params,
                    distributions=first.distributions,
                )
            )
    study.add_trial(create_trial(values=[99.0, -0.9]))
    study.add_trial(create_trial(state=TrialState.PRUNED, user_attrs={MEASUREMENT: "fast"}))
    record = go_on(storage_url, sampler)
    assert record.foreign_trials == 4
    assert max(trial.speedup for trial in record.trials) < 99


def test_what_was_enqueued_is_measured_if_it_is_a_point_and_else_left_out(
    storage_url: str, sampler: str
) -> None:
    study = study_of_two(storage_url, sampler)
    study.enqueue_trial({"cache_interval": 5, "cache_branch_id": 1})
    study.enqueue_trial({"cache_interval": 2, "cache_branch_id": 77})
    study.enqueue_trial({"of": "another space"})
    begun = len(study.get_trials(deepcopy=False))
    go_on(storage_url, sampler)
    wanted, beyond, *_ = study.get_trials(deepcopy=False)[begun - 3 :]
    assert wanted.state == TrialState.COMPLETE
    assert wanted.user_attrs[POINT] == {"cache_interval": 5, "cache_branch_id": 1}
    assert beyond.state == TrialState.FAIL
    assert "outside the study's space" in beyond.user_attrs[REASON]
