"""A metric that a finished study is asked for: its points that matter are measured again for it."""

from __future__ import annotations

from dataclasses import replace

from storage.database.opening import Store
from storage.reading.studies import find_study
from storage.records.budgets import Budgets
from storage.records.measurement import MetricResult
from storage.records.study import Study
from storage.records.trial import Trial
from storage.study_store.constraints import BudgetedStudy
from studies.plan import make_plan
from studies.run.opening import open_study_store, with_metrics_kept
from studies.run.remeasurement.completion import to_complete
from studies.run.runner import run_study
from tests.made_records import made_point
from tests.made_reports import made_study
from tests.studies.conftest import MakeRequest

LOST = 0.5
"""So much of what the prompts say is the most that a budget allows: some points keep it."""


def test_a_finished_study_gains_a_metric_for_the_points_that_matter(
    make_request: MakeRequest, store: Store
) -> None:
    request = make_request(trials=3, num_samples=4, batch_size=4, steps=2, sampler="grid")
    before = run_study(make_plan(request), store).study
    assert all("attributes" not in trial.measurement.metrics for trial in before.trials)

    asked = replace(request, conditions={"attributes": LOST}, loss_budget=0.9)
    plan = make_plan(asked)
    assert plan.study_name == before.name
    done = run_study(plan, store)
    after = done.study
    assert (done.measured, after.states) == (0, before.states), "no point is new"
    assert after.protocol.metrics == (*before.protocol.metrics, "attributes")
    known = [trial for trial in after.trials if "attributes" in trial.measurement.metrics]
    assert {trial.number for trial in after.front} <= {trial.number for trial in known}
    for trial in known:
        found = trial.measurement.metrics["attributes"]
        assert found.samples == 4
        first = next(each for each in before.trials if each.number == trial.number)
        kept = first.measurement.model_copy(update={"metrics": {}})
        assert trial.measurement.model_copy(update={"metrics": {}}) == kept, "all else stays"
    lacking = [trial for trial in after.trials if trial not in known]
    assert {trial.number for trial in lacking} <= set(after.as_json()["ruled_out"])
    for trial in lacking:
        assert trial.chance_inside(after.budgets) == 0
        assert after.budgets.why_not(trial.judged).startswith("its attributes loss was not")

    # Optuna's samplers see what was added; the same command has nothing left to do.
    told = BudgetedStudy(open_study_store(plan, store).study, after.budgets).trials
    for trial in known:
        loss = trial.measurement.metrics["attributes"].loss
        assert told[trial.number].constraints["attributes"] == loss - LOST
    count = len(told)
    assert len(open_study_store(plan, store).study.trials) == count
    again = run_study(with_metrics_kept(make_plan(request), store, print), store)
    assert len(open_study_store(plan, store).study.trials) == count
    assert again.study.protocol.metrics == after.protocol.metrics
    found_study = find_study(store, plan.study_name)
    assert found_study is not None and found_study.trials == after.trials


def knowing(trial: Trial, loss: float) -> Trial:
    result = MetricResult(value=1 - loss, loss=loss, loss_ci=(loss - 0.01, loss + 0.01), samples=8)
    measured = trial.measurement.model_copy(update={"metrics": {"attributes": result}})
    return trial.model_copy(update={"measurement": measured})


def test_a_point_that_breaks_the_new_budget_makes_room_for_others() -> None:
    fast, middle, slow = (
        made_point(0, speedup=3.0, clip_loss=0.01),
        made_point(1, speedup=2.0, clip_loss=0.012),
        made_point(2, speedup=1.5, clip_loss=0.1),
    )
    budgets = Budgets(0.05, {"attributes": 0.03})

    def due(*trials: Trial) -> list[int]:
        record: Study = made_study(trials=list(trials)).under(budgets)
        return [trial.number for trial in to_complete(record, ["attributes"])]

    assert due(fast, middle, slow) == [0], "nothing beats it, as far as is known"
    assert due(knowing(fast, 0.02), middle, slow) == []
    assert due(knowing(fast, 0.2), middle, slow) == [1]
    assert due(knowing(fast, 0.2), knowing(middle, 0.2), slow) == [2]
    assert due(*(knowing(trial, 0.2) for trial in (fast, middle, slow))) == []
    record = made_study(trials=[fast]).under(budgets)
    assert to_complete(record, []) == [], "nobody asked"
