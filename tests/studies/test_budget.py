"""Whose a loss budget is: a study's, or that of the run that asks."""

from __future__ import annotations

from dataclasses import replace

import optuna
import pytest
from optuna.trial import TrialState
from optuna_dashboard import get_note

from benchmarks.storage.stub_loader import REQUEST, StubLoader
from storage.database.opening import Store
from storage.records.requirement import Requirement
from storage.study_store.attributes import FEASIBLE, LOSS_BUDGET
from studies.plan import make_plan
from studies.request import DEFAULT_LOSS_BUDGET, BudgetUse
from studies.run.progress import RunResult
from studies.run.runner import run_study

ANY_SPEED = Requirement(latency_s=3600.0)
"""Every made-up point is as fast."""


def run(store: Store, budget: float | None, use: BudgetUse, trials: int = 1) -> RunResult:
    request = replace(
        REQUEST,
        trials=trials,
        loss_budget=budget,
        budget_use=use,
        requirement=ANY_SPEED if use == "run" else Requirement(),
        confirm=False,
    )
    return run_study(make_plan(request), store, loader=StubLoader(lambda: None))


def only_study(store: Store) -> optuna.Study:
    [name] = optuna.get_all_study_names(store.optuna)
    return optuna.load_study(study_name=name, storage=store.optuna)


def test_a_runs_own_budget_steers_it_and_leaves_the_studys(store: Store) -> None:
    run(store, 0.01, "set")
    assert run(store, -0.99, "run", trials=3).met is None
    assert run(store, 0.99, "run", trials=4).met is not None
    study = only_study(store)
    assert study.user_attrs[LOSS_BUDGET] == 0.01
    assert "loss budget of 1%" in get_note(study)
    for trial in study.get_trials(states=[TrialState.COMPLETE]):
        # Whoever reads a trial's constraint finds one budget, whichever run measured it.
        assert trial.constraints["clip_loss"] == pytest.approx(trial.values[1] - 0.01)
        assert trial.user_attrs[FEASIBLE] == (trial.values[1] <= 0.01)


def test_a_study_that_a_runs_own_budget_begins_has_the_default(store: Store) -> None:
    assert run(store, 0.3, "run").study.loss_budget == DEFAULT_LOSS_BUDGET


@pytest.mark.parametrize(("asked", "then"), [(0.3, 0.3), (None, DEFAULT_LOSS_BUDGET)])
def test_a_budget_to_begin_with_leaves_that_of_a_study_that_exists(
    asked: float | None, then: float, store: Store
) -> None:
    assert run(store, asked, "begin").study.loss_budget == then
    run(store, 0.1, "set")
    assert run(store, asked, "begin").study.loss_budget == 0.1
