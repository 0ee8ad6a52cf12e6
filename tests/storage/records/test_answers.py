"""What a study comes to: the point that is inside almost surely, and a bolder one beside it."""

from __future__ import annotations

from math import nextafter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from storage.records.budgets import Budgets
from storage.records.judgement import SURE
from storage.records.trial import Trial
from tests.made_records import changed, made_measurement
from tests.made_reports import made_study, made_trial

BUDGETS = Budgets(0.02)

LOSSES = some.floats(-0.2, 0.2)

WIDTHS = some.floats(1e-6, 0.2)


def measured(loss: float, below: float, above: float) -> Trial:
    """A point with an interval that reaches so far to either side."""
    return made_trial(0, 2.0, loss, clip_loss_ci=[loss - below, loss + above])


def test_the_chance_is_that_of_a_normal_with_a_deviation_below_and_another_above() -> None:
    trial = measured(0.01, 0.005, 0.02)
    chances = [trial.chance_inside(Budgets(loss)) for loss in (0.005, 0.01, 0.02, 0.03)]
    # The interval's ends; its value; and half of the way up, 0.98 deviations.
    assert chances == pytest.approx([0.025, 0.5, 0.8365, 0.975], abs=1e-4)


@given(LOSSES, WIDTHS, WIDTHS, LOSSES, WIDTHS)
def test_a_greater_budget_is_kept_with_no_less_chance(
    loss: float, below: float, above: float, budget: float, more: float
) -> None:
    trial = measured(loss, below, above)
    less, greater = (trial.chance_inside(Budgets(each)) for each in (budget, budget + more))
    assert 0 <= less <= greater <= 1


@given(LOSSES, WIDTHS, WIDTHS)
def test_the_interval_and_the_chance_say_the_same(loss: float, below: float, above: float) -> None:
    trial = measured(loss, below, above)
    low, high = trial.measurement.clip_loss_ci
    assert trial.chance_inside(Budgets(high)) == pytest.approx(0.975, abs=1e-4)
    assert trial.chance_inside(Budgets(low)) == pytest.approx(0.025, abs=1e-4)


def test_the_chance_is_the_share_of_truths_that_the_interval_stands_for() -> None:
    random = np.random.default_rng(0)
    truths = random.normal(0.01, 0.004, 200_000)
    trial = measured(0.01, 1.96 * 0.004, 1.96 * 0.004)
    for budget in (0.005, 0.012, 0.02):
        share = float((truths <= budget).mean())
        assert trial.chance_inside(Budgets(budget)) == pytest.approx(share, abs=0.005)


def test_without_a_width_the_chance_is_all_or_nothing() -> None:
    assert measured(0.02, 0, 0).chance_inside(BUDGETS) == 1
    assert measured(nextafter(0.02, 1), 0, 0).chance_inside(BUDGETS) == 0


def test_every_budget_takes_its_part_of_the_chance() -> None:
    ssim = {"ssim": {"value": 0.9, "loss": 0.1, "loss_ci": [0.08, 0.12], "samples": 8}}
    trial = made_trial(0, 2.0, 0.01, metrics=ssim, peak_memory_mib=2048.0)
    assert trial.chance_inside(BUDGETS) == pytest.approx(0.975, abs=1e-4)
    both = Budgets(0.02, {"ssim": 0.12, "memory_mib": 2048.0})
    assert trial.chance_inside(both) == pytest.approx(0.95, abs=1e-4)
    assert trial.chance_inside(Budgets(0.02, {"memory_mib": 2047.0})) == 0
    assert trial.chance_inside(Budgets(0.02, {"lpips": 0.9})) == 0, "not measured"
    assert trial.chance_inside(Budgets(0.0, {"ssim": 0.08})) == 0, "chances add up beyond 1"


def test_one_picture_alone_is_an_even_chance() -> None:
    ssim = {"ssim": {"value": 0.9, "loss": 0.1, "loss_ci": None, "samples": 1}}
    trial = made_trial(0, 2.0, -0.1, metrics=ssim)
    assert trial.chance_inside(Budgets(0.02, {"ssim": 0.2})) == pytest.approx(0.5)


def test_the_answer_is_the_fastest_point_that_is_almost_surely_inside() -> None:
    slow, sure, bold, beyond = (
        made_trial(number, speedup, loss)
        for number, (speedup, loss) in enumerate([(1.5, 0.0), (2.0, 0.01), (3.0, 0.018), (4, 0.03)])
    )
    study = made_study([slow, bold, sure, beyond])
    assert study.answer == sure
    assert study.bolder == study.bound == bold
    assert bold.chance_inside(BUDGETS) == pytest.approx(0.6525, abs=1e-4)
    assert SURE > bold.chance_inside(BUDGETS)


def test_there_is_nothing_bolder_than_an_answer_that_is_the_bound() -> None:
    study = made_study([made_trial(0, 1.5, 0.0), made_trial(1, 2.0, 0.005)])
    assert study.answer == study.bound == study.trials[1]
    assert study.bolder is None


def test_a_study_without_a_sure_point_has_a_bolder_one_alone() -> None:
    study = made_study([made_trial(0, 2.0, 0.019), made_trial(1, 3.0, 0.03)])
    assert study.answer is None
    assert study.bolder == study.trials[0]
    assert study.under(Budgets(0.001)).bolder is None
    assert made_study([]).answer is made_study([]).bolder is None


def test_a_point_that_breaks_a_condition_is_no_answer() -> None:
    big = made_trial(0, 3.2, 0.0, peak_memory_mib=9000.0)
    small = made_trial(1, 2.0, 0.0, peak_memory_mib=1000.0)
    study = made_study([big, small]).under(Budgets(0.02, {"memory_mib": 4000.0}))
    assert study.answer == small
    assert study.bolder is None


def test_a_front_tells_the_chance_of_each_point() -> None:
    [point] = made_study([made_trial(0, 2.0, 0.01)]).as_json()["front"]
    assert point["chance_inside"] == 0.975


def test_a_confirmation_counts_in_the_chance() -> None:
    lucky = made_trial(0, 3.0, 0.005)
    seen_again = changed(lucky, confirmed=made_measurement(3.0, 0.04))
    assert lucky.chance_inside(BUDGETS) > SURE
    assert seen_again.chance_inside(BUDGETS) < 0.5
