"""Confirmations on unseen prompts, with a stub for the GPU second; one small study for real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from storage.database.opening import Store
from storage.records.budgets import Budgets
from storage.records.requirement import Requirement
from storage.records.trial import Trial
from storage.study_store.claims import list_claims
from studies.plan import Plan, make_plan
from studies.run.measuring import PipelineLoader
from studies.run.progress import Progress
from studies.run.remeasurement.confirmation import to_confirm
from studies.run.runner import run_study
from tests.made_records import changed, made_point
from tests.studies.conftest import MakeRequest
from tests.studies.run.remeasurement.lab import LOSS_ON_UNSEEN, Lab, load, read


def confirmed_numbers(trials: Sequence[Trial]) -> list[int]:
    return [trial.number for trial in trials if trial.confirmed is not None]


def test_what_may_be_the_answer_is_confirmed_once_and_counts_as_no_point(
    plan: Plan, store: Store
) -> None:
    lab = Lab()
    first = run_study(plan, store, loader=lab)
    assert (first.reason, first.measured) == ("trials", 8)
    assert lab.counts == {"searched": 8, "confirmed": 1}
    record = read(store)
    assert record.trials == first.study.trials
    assert record.states == {"complete": 8}
    assert confirmed_numbers(record.trials) == [0]
    trial = record.trials[0]
    assert trial.confirmed is not None
    assert trial.confirmed.clip_loss == pytest.approx(trial.clip_loss + LOSS_ON_UNSEEN, 1e-4)
    assert trial.as_json()["confirmed"]["clip_loss"] == trial.confirmed.clip_loss
    assert run_study(plan, store, loader=lab).measured == 0
    assert lab.counts == {"searched": 8, "confirmed": 1}
    claims = list_claims(store.engine, load(store)._study_id)
    assert len(claims) == 8


def test_prompts_that_nobody_chose_by_decide_which_point_is_the_answer(
    plan: Plan, store: Store
) -> None:
    luckless = run_study(plan, store, loader=Lab(loss_on_unseen=0.01)).study
    assert luckless.answer == luckless.trials[3]
    assert luckless.trials[0].judged_loss > 0.02


def test_a_rival_that_does_well_becomes_the_answer(plan: Plan, store: Store) -> None:
    lucky = run_study(plan, store, loader=Lab(loss_on_unseen=-0.005)).study
    assert lucky.answer == lucky.trials[0]
    assert lucky.trials[0].judged_loss < lucky.trials[0].clip_loss


def test_a_continued_study_confirms_what_has_become_a_rival(plan: Plan, store: Store) -> None:
    lab = Lab(loss_on_unseen=-0.001)
    run_study(plan, store, loader=lab)
    more = replace(plan, request=replace(plan.request, trials=16, loss_budget=0.0205))
    record = run_study(more, store, loader=lab).study
    assert lab.counts == {"searched": 16, "confirmed": 2}
    assert confirmed_numbers(record.trials) == [0, 9], "trial 8 confirmed trial 0"
    assert record.states == {"complete": 16}


def test_the_likeliest_rival_comes_first_and_may_settle_it(open_plan: Plan, store: Store) -> None:
    done: list[str] = []
    lab = Lab()

    def do(what: str) -> None:
        # What is confirmed first turns out surely inside, and faster than all others.
        lab.loss_on_unseen = -0.02 if what == "confirmed" else 0.0
        done.append(what)

    lab.act = do
    record = run_study(open_plan, store, loader=lab).study
    assert confirmed_numbers(record.trials) == [0, 8], "trial 8 is faster than trial 0"
    assert record.answer == record.trials[8]
    assert done.count("confirmed") == 2


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


@pytest.mark.parametrize(("loss", "measured", "met"), [(0.0, 4, True), (0.03, 8, False)])
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
    assert lab.counts["confirmed"] == (1 if met else 3)


def make_trials(*points: tuple[float, float]) -> list[Trial]:
    return [
        made_point(n, speedup=speedup, clip_loss=loss) for n, (speedup, loss) in enumerate(points)
    ]


def numbers(trials: Sequence[Trial]) -> list[int]:
    return [trial.number for trial in trials]


def test_points_that_may_be_a_faster_answer_are_confirmed_the_likeliest_first() -> None:
    slow, answer, hardly_faster = (1.2, -0.01), (1.5, 0.0), (1.51, 0.0105)
    likely, even, unlikely, beyond = (2.0, 0.014), (2.4, 0.0199), (2.6, 0.021), (3.0, 0.1)
    points = make_trials(slow, answer, hardly_faster, even, likely, unlikely, beyond)
    many = [changed(trial, number=10 + trial.number) for trial in make_trials(*[(1.0, 0.2)] * 20)]
    budgets = Budgets(0.02)
    assert numbers(to_confirm(points + many, budgets)) == [4, 3]
    assert numbers(to_confirm(points, budgets)) == [4], "one look is all that few points pay for"
    assert numbers(to_confirm(points, budgets, failed={4})) == [3], "a failed one takes no room"
    seen = changed(points[4], confirmed=points[4].measurement)
    points[4] = changed(seen, confirmed=seen.measurement.model_copy(update={"clip_loss": 0.019}))
    assert numbers(to_confirm(points + many, budgets)) == [3]
    assert to_confirm(points, budgets) == [], "all room is taken"
    assert to_confirm(points[:2] + many, budgets) == [], "the answer is the fastest point"
    assert to_confirm(points[5:] + many, budgets) == [], "none is likely to be inside"


@pytest.mark.thorough
def test_a_real_study_ends_with_its_best_on_unseen_prompts(
    make_request: MakeRequest, loader: PipelineLoader, store: Store
) -> None:
    request = make_request(
        steps=3, trials=2, num_samples=4, confirm=True, sampler="grid", loss_budget=0.9
    )
    said: list[Progress] = []
    outcome = run_study(make_plan(request), store, said.append, loader)
    assert (outcome.reason, outcome.measured) == ("trials", 2)
    best = outcome.study.bound
    assert best is not None
    tight = replace(request, loss_budget=best.clip_loss + 1e-6)
    outcome = run_study(make_plan(tight), store, said.append, loader)
    [trial] = [trial for trial in outcome.study.trials if trial.confirmed is not None]
    assert trial.confirmed is not None
    assert (trial.confirmed.samples, trial.judged.samples) == (4, 8)
    assert trial.confirmed.clip_score != trial.measurement.clip_score
    assert trial.confirmed.speedup_ci[0] <= trial.confirmed.speedup
    assert sum(progress.stage == "generating the baseline" for progress in said) == 2
    assert any(progress.stage.startswith("confirming on unseen prompts") for progress in said)
