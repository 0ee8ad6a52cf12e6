"""Points that a search gives up early, on real storage with made-up measurements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from accel_space.method import Params
from benchmarks.storage.stub_loader import REQUEST, made_up
from objectives.measurement import Baseline
from storage.database.opening import Store
from storage.reading.studies import read_studies
from storage.records.measurement import Measurement
from storage.records.points import point_key
from storage.records.study import Study
from storage.study_store.attributes import DUPLICATE_OF, LOSS_BUDGET
from storage.study_store.claims import list_claims
from studies.errors import StudyFailedError
from studies.plan import Plan, make_plan
from studies.request import SAMPLERS, StudyRequest
from studies.run.measuring import Instrument, PipelineLoader
from studies.run.runner import run_study
from tests.tiers.covering import taking_turns

SEARCH = replace(
    REQUEST,
    methods=("deepcache",),
    steps=20,
    sampler="auto",
    loss_budget=0.02,
    confirm=False,
    trials=3,
)
"""A study of 16 points by the default sampler."""

SEARCHING = [name for name in SAMPLERS if name != "grid"]
"""The samplers that give points up."""


@dataclass
class Lab(PipelineLoader):
    """The first point is slow and good; each one after it is faster, and far beyond the budget."""

    gives_up: bool = True
    measured: int = 0

    def load(self, plan: Plan, store: Store, tell: Callable[[str], None]) -> Instrument:
        """See `PipelineLoader.load`."""
        objective: Any = self
        return Instrument(objective, Baseline([0.3], np.ones((1, 1), np.float32)))

    def measure(
        self, point: Params, baseline: Baseline, hopeless: Any, *ignored: Any
    ) -> Measurement:
        self.measured += 1
        speedup, loss = (1.1, 0.0) if self.measured == 1 else (2 + 0.1 * self.measured, 0.1)
        return made_up(point).model_copy(
            update={
                "speedup": speedup,
                "speedup_ci": (speedup - 0.01, speedup + 0.01),
                "clip_loss": loss,
                "clip_loss_ci": (loss - 0.01, loss + 0.01),
                "stopped_early": self.gives_up and hopeless is not None and self.measured > 1,
            }
        )


def given_up(store: Store) -> set[int]:
    """Trials that were given up and hold their points."""
    [name] = optuna.get_all_study_names(store.optuna)
    study = optuna.load_study(study_name=name, storage=store.optuna)
    holding = {claim.trial_number for claim in list_claims(store.engine, study._study_id)}
    trials = study.get_trials(states=[TrialState.PRUNED])
    own = [trial for trial in trials if DUPLICATE_OF not in trial.user_attrs]
    return {trial.number for trial in own} & holding


def run(request: StudyRequest, store: Store) -> Study:
    run_study(make_plan(request), store, loader=Lab())
    [record] = read_studies(store)
    return record


@pytest.mark.parametrize("sampler", taking_turns(SEARCHING, of=3))
def test_as_many_points_as_are_wanted_may_be_given_up(store: Store, sampler: str) -> None:
    record = run(replace(SEARCH, sampler=sampler), store)
    assert record.states == {"complete": 3, "pruned": 3}
    assert len(given_up(store)) == 3
    assert record.trials[0].clip_loss == 0


def test_without_screening_none_is_given_up(store: Store) -> None:
    record = run(replace(SEARCH, screening=False), store)
    assert record.states == {"complete": 3}


def test_a_walk_gives_none_up(store: Store) -> None:
    record = run(replace(SEARCH, sampler="grid"), store)
    assert record.states == {"complete": 3}


@pytest.mark.parametrize(
    ("changes", "still"),
    [
        pytest.param({}, 3, id="nothing-changed"),
        pytest.param({"loss_budget": 0.05}, 3, id="a-little-more-budget"),
        pytest.param({"loss_budget": 0.2}, 0, id="enough-budget"),
        pytest.param({"loss_budget": 0.2, "budget_use": "run"}, 0, id="enough-for-a-task"),
        pytest.param({"screening": False}, 0, id="no-screening"),
        pytest.param({"sampler": "grid"}, 0, id="every-point-is-wanted"),
    ],
)
def test_points_come_back_once_they_are_not_hopeless(
    store: Store, changes: dict[str, Any], still: int
) -> None:
    run(SEARCH, store)
    run(replace(SEARCH, **changes), store)
    assert len(given_up(store)) == still


def test_a_task_of_a_smaller_budget_gives_up_nothing_that_the_study_wants(store: Store) -> None:
    run(SEARCH, store)
    [name] = optuna.get_all_study_names(store.optuna)
    optuna.load_study(study_name=name, storage=store.optuna).set_user_attr(LOSS_BUDGET, 0.2)
    assert len(given_up(store)) == 3
    run(replace(SEARCH, budget_use="run"), store)
    assert given_up(store) == set()


EVERY, NO_SCREENING, WIDER = {"trials": 16}, {"screening": False}, {"loss_budget": 0.2}


@pytest.mark.parametrize(
    ("sampler", "changes"),
    taking_turns(
        [
            ("auto", WIDER),
            *((sampler, NO_SCREENING) for sampler in SAMPLERS),
            *((sampler, EVERY) for sampler in ("auto", "grid")),
        ],
        of=3,
    ),
)
def test_points_that_came_back_are_measured_in_full_and_once(
    store: Store, sampler: str, changes: dict[str, Any]
) -> None:
    run(replace(SEARCH, trials=5), store)
    assert len(given_up(store)) == 5
    # Of 16 points 6 are untouched, so that others must come back.
    again = replace(replace(SEARCH, sampler=sampler, trials=14), **changes)
    outcome = run_study(make_plan(again), store, loader=Lab(gives_up=False))
    keys = [point_key(trial.params) for trial in outcome.study.trials]
    assert len(keys) == len(set(keys)) == outcome.study.states["complete"] == again.trials
    assert outcome.reason in ("trials", "points")


@dataclass
class NeverHits(Lab):
    """Every second point's cache never hits, and so is the unaccelerated pipeline."""

    def measure(
        self, point: Params, baseline: Baseline, hopeless: Any, *ignored: Any
    ) -> Measurement:
        self.measured += 1
        hits = 0.5 if self.measured % 2 else 0.0
        return made_up(point).model_copy(update={"hits": hits, "stopped_early": not hits})


@pytest.mark.parametrize("sampler", taking_turns(SAMPLERS, turn=1, of=3))
def test_a_point_whose_cache_never_hit_is_no_result_and_is_not_measured_again(
    store: Store, sampler: str
) -> None:
    every = replace(SEARCH, sampler=sampler, trials=16, screening=False)
    said: list[str] = []

    run_study(make_plan(every), store, lambda now: said.append(now.last), NeverHits())
    again = NeverHits()
    outcome = run_study(make_plan(every), store, loader=again)

    assert outcome.study.states == {"complete": 8, "pruned": 8}
    assert all(trial.measurement.hits == 0.5 for trial in outcome.study.trials)
    assert outcome.reason == "points"
    assert again.measured == 0
    assert any("never hit, so it is the pipeline without that cache" in words for words in said)


def test_a_study_of_caches_that_never_hit_says_so(store: Store) -> None:
    @dataclass
    class Inert(NeverHits):
        def measure(self, point: Params, *others: Any) -> Measurement:
            return made_up(point).model_copy(update={"hits": 0.0, "stopped_early": True})

    with pytest.raises(
        StudyFailedError,
        match=r"no point was measured in full; .* its cache never hit, .* take other methods",
    ):
        run_study(make_plan(replace(SEARCH, trials=16)), store, loader=Inert())
