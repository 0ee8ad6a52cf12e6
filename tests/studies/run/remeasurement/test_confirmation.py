"""Confirmations on unseen prompts, with a stub for the GPU second; one small study for real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from storage.database.opening import Store
from storage.records.budgets import Budgets
from storage.records.front import best_inside
from storage.records.judgement import judged_bound
from storage.records.requirement import Requirement
from storage.records.trial import Trial
from storage.study_store.claims import list_claims
from studies.plan import Plan, make_plan
from studies.run.progress import Progress
from studies.run.remeasurement.confirmation import MOST_BEYOND, to_confirm
from studies.run.runner import run_study
from tests.made_records import changed, made_point
from tests.studies.conftest import MakeRequest
from tests.studies.run.remeasurement.lab import LOSS_ON_UNSEEN, Lab, load, read


def test_the_best_are_confirmed_once_and_count_as_no_points(plan: Plan, store: Store) -> None:
    lab = Lab()
    first = run_study(plan, store, loader=lab)
    assert (first.reason, first.measured) == ("trials", 8)
    assert lab.counts == {"searched": 8, "confirmed": 2}
    record = read(store)
    assert record.trials == first.study.trials
    assert record.states == {"complete": 8}
    confirmed = [trial for trial in record.trials if trial.confirmed is not None]
    best = best_inside(record.trials, 0.02)
    assert best is not None and best.confirmed is not None
    assert len(confirmed) == 2
    for trial in confirmed:
        assert trial.confirmed is not None
        assert trial.confirmed.clip_loss == pytest.approx(trial.clip_loss + LOSS_ON_UNSEEN, 1e-4)
        assert trial.as_json()["confirmed"]["clip_loss"] == trial.confirmed.clip_loss
    assert run_study(plan, store, loader=lab).measured == 0
    assert lab.counts == {"searched": 8, "confirmed": 2}
    claims = list_claims(store.engine, load(store)._study_id)
    assert len(claims) == 8


def test_a_continued_study_confirms_what_has_become_the_best(plan: Plan, store: Store) -> None:
    lab = Lab()
    run_study(plan, store, loader=lab)
    more = replace(plan, request=replace(plan.request, trials=16))
    record = run_study(more, store, loader=lab).study
    assert len(record.trials) == 16
    assert lab.counts["searched"] == 16
    assert to_confirm(record.trials, record.budgets) == []
    assert record.states == {"complete": 16}


def test_a_run_confirms_on_until_its_judged_best_is_confirmed(plan: Plan, store: Store) -> None:
    # Whatever is confirmed breaks the budget, and a lucky point is judged best in its place.
    wide = replace(plan, request=replace(plan.request, trials=16, loss_budget=0.05))
    lab = Lab(loss_on_unseen=0.5)
    record = run_study(wide, store, loader=lab).study
    planned = to_confirm([changed(trial, confirmed=None) for trial in record.trials], Budgets(0.05))
    assert lab.counts["confirmed"] == len(planned) + MOST_BEYOND, "and no more in one run"
    best = judged_bound(record.trials, Budgets(0.05))
    assert best is not None and best.confirmed is None
    for _ in range(3):
        record = run_study(wide, store, loader=lab).study
    assert judged_bound(record.trials, Budgets(0.05)) is None
    assert all(trial.confirmed for trial in record.trials if trial.clip_loss <= 0.05)


def test_a_best_that_is_confirmed_ends_the_run(plan: Plan, store: Store) -> None:
    # The first that is confirmed falls, the others keep what they had.
    lab = Lab(loss_on_unseen=0.5)

    def keep_the_others(what: str) -> None:
        lab.loss_on_unseen = 0.5 if lab.counts.get("confirmed", 0) < 4 else 0.0

    lab.act = keep_the_others
    wide = replace(plan, request=replace(plan.request, trials=16))
    record = run_study(wide, store, loader=lab).study
    assert lab.counts["confirmed"] == 4 + 1
    best = judged_bound(record.trials, Budgets(0.02))
    assert best is not None and best.confirmed is not None


def test_nothing_is_confirmed_if_it_is_not_wanted_or_cannot_be(plan: Plan, store: Store) -> None:
    lab = Lab()
    unasked = make_plan(replace(plan.request, confirm=False))
    outcome = run_study(unasked, store, loader=lab)
    assert lab.counts == {"searched": 8}
    assert not outcome.lacks_prompts
    # 256 prompts are in the file.
    short = make_plan(replace(plan.request, num_samples=256))
    outcome = run_study(short, store, loader=lab)
    assert lab.counts == {"searched": 16}
    assert outcome.lacks_prompts


def test_confirming_uses_the_next_prompts_and_seeds(plan: Plan) -> None:
    longer = make_plan(replace(plan.request, num_samples=200, batch_size=8, seed=5))
    unseen = longer.confirmation()
    assert unseen is not None
    assert len(unseen.prompts) == 56
    assert not set(unseen.prompts) & set(longer.prompts)
    assert (unseen.protocol.num_samples, unseen.protocol.seed) == (56, 205)
    assert unseen.baseline_identity != longer.baseline_identity
    assert make_plan(replace(plan.request, num_samples=250, batch_size=8)).confirmation() is None


@pytest.mark.parametrize(("loss", "measured", "met"), [(0.0, 4, True), (0.01, 8, False)])
def test_a_search_goes_on_if_unseen_prompts_take_back_what_met_the_requirement(
    plan: Plan, store: Store, loss: float, measured: int, met: bool
) -> None:
    # Three of the eight points meet it in the search, the fourth first.
    request = replace(plan.request, requirement=Requirement(speedup=1.05))
    lab = Lab(loss_on_unseen=loss)
    outcome = run_study(replace(plan, request=request), store, loader=lab)
    assert outcome.reason == ("requirement" if met else "trials")
    assert outcome.measured == measured
    assert (outcome.met is not None) is met
    assert lab.counts["confirmed"] == (1 if met else 3 + 1)


def make_trials(*points: tuple[float, float]) -> list[Trial]:
    return [
        made_point(n, speedup=speedup, clip_loss=loss) for n, (speedup, loss) in enumerate(points)
    ]


def numbers(trials: Sequence[Trial]) -> list[int]:
    return [trial.number for trial in trials]


def test_those_to_be_chosen_are_confirmed_in_the_order_of_choice() -> None:
    front = make_trials(
        (1.2, -0.01), (1.5, 0.0), (2.0, 0.015), (2.2, 0.025), (2.4, 0.028), (3, 0.1)
    )
    behind = [changed(trial, number=10 + trial.number) for trial in make_trials(*[(1.0, 0.2)] * 26)]
    assert numbers(to_confirm(front + behind, Budgets(0.02))) == [2, 1, 0, 3, 4]
    assert numbers(to_confirm(front + behind[:2], Budgets(0.02))) == [2, 1]
    assert numbers(to_confirm(front[:1], Budgets(0.02))) == [0], "one at least"
    assert to_confirm(front[5:], Budgets(0.02)) == [], "it is surely beyond the budget"


def test_a_real_study_ends_with_its_best_on_unseen_prompts(
    make_request: MakeRequest, store: Store
) -> None:
    request = make_request(trials=2, num_samples=4, confirm=True, sampler="grid", loss_budget=0.9)
    said: list[Progress] = []
    outcome = run_study(make_plan(request), store, said.append)
    assert (outcome.reason, outcome.measured) == ("trials", 2)
    # On a busy machine the first one may turn out the slower one, and then the other is confirmed.
    trial = judged_bound(outcome.study.trials, Budgets(0.9))
    assert trial is not None and trial.confirmed is not None
    assert trial.confirmed.samples == 4
    assert trial.confirmed.clip_score != trial.measurement.clip_score
    assert trial.confirmed.speedup_ci[0] <= trial.confirmed.speedup
    assert sum(progress.stage == "generating the baseline" for progress in said) == 2
    assert any(progress.stage.startswith("confirming on unseen prompts") for progress in said)
