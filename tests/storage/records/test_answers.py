"""What a study comes to: the point that is inside almost surely, and a bolder one beside it."""

from __future__ import annotations

from math import nextafter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from objectives.statistics import mean_loss
from storage.records.budgets import Budgets
from storage.records.judgement import SURE
from storage.records.measurement import pooled, worst_of
from storage.records.trial import Trial
from tests.made_records import changed, made_measurement
from tests.made_reports import made_study, made_trial

BUDGETS = Budgets(0.02)

LOSSES = some.floats(-0.2, 0.2)

WIDTHS = some.floats(1e-6, 0.2)


def measured(loss: float, below: float, above: float) -> Trial:
    """A point with an interval that reaches so far to either side."""
    return made_trial(0, 2.0, loss, clip_loss_ci=[loss - below, loss + above])


def test_the_chance_is_that_of_a_normal_below_the_value_and_of_a_long_tail_above_it() -> None:
    trial = measured(0.01, 0.005, 0.02)
    losses = (0.005, 0.0075, 0.01, 0.02, 0.03)
    chances = [trial.chance_inside(Budgets(loss)) for loss in losses]
    # The interval's ends; half of the ways there, scipy.stats.norm.cdf(-1.95996 / 2) and
    # scipy.stats.t(3).cdf(3.18245 / 2); and the value.
    assert chances == pytest.approx([0.025, 0.1635, 0.5, 0.8951, 0.975], abs=1e-4)


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


def test_an_old_interval_that_leaves_its_value_out_reaches_as_far_on_that_side() -> None:
    def chance(low: float, high: float, budget: float) -> float:
        return made_trial(0, 2.0, 0.01, clip_loss_ci=[low, high]).chance_inside(Budgets(budget))

    assert chance(0.0, 0.009, 0.05) == chance(0.0, 0.02, 0.05) > 0.95
    assert chance(0.011, 0.02, 0.005) == chance(0.0, 0.02, 0.005) < 0.5


def test_a_confirmed_point_takes_the_greater_peak_memory() -> None:
    first, again = (made_measurement(peak_memory_mib=peak) for peak in (20.5 * 1024, 19.9 * 1024))
    assert pooled(first, again).peak_memory_mib == pooled(again, first).peak_memory_mib == 20992
    unknown = made_measurement(peak_memory_mib=None)
    assert pooled(unknown, again).peak_memory_mib == again.peak_memory_mib
    assert pooled(unknown, unknown).peak_memory_mib is None


def test_the_worst_prompts_of_both_measurements_are_those_of_a_confirmed_point() -> None:
    first = made_measurement(worst_losses=worst_of([0.01] * 18 + [0.3, 0.5], 20), samples=20)
    again = made_measurement(worst_losses=worst_of([0.4, 0.2] + [0.0] * 19, 21), samples=21)
    assert first.worst_loss == 0.5 and again.worst_loss == pytest.approx(0.3)
    # 5% of 41 prompts are 3.
    assert pooled(first, again).worst_losses == (0.5, 0.4, 0.2)
    shown = changed(made_trial(0, 2.0, 0.01), measurement=first, confirmed=again).as_json()
    assert shown["worst_loss"] == 0.5
    assert shown["judged_worst_loss"] == pytest.approx(1.1 / 3)
    unknown = made_measurement()
    assert pooled(unknown, again).worst_loss is pooled(first, unknown).worst_loss is None
    assert "judged_worst_loss" not in made_trial(0, 2.0, 0.01).as_json()


def test_the_chance_is_the_share_of_truths_that_the_interval_stands_for() -> None:
    random = np.random.default_rng(0)
    below, above = random.normal(0, 0.004, 100_000), random.standard_t(3, 100_000)
    truths = 0.01 + np.append(-abs(below), 0.004 * abs(above))
    trial = measured(0.01, 1.96 * 0.004, 3.1824 * 0.004)
    for budget in (0.005, 0.012, 0.016, 0.02, 0.03):
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
    assert trial.chance_inside(Budgets(0.02, {"ssim": 0.2})) == pytest.approx(0.5, abs=1e-3)


def test_the_answer_is_the_fastest_point_that_is_almost_surely_inside() -> None:
    slow, sure, bold, beyond = (
        made_trial(number, speedup, loss)
        for number, (speedup, loss) in enumerate([(1.5, 0.0), (2.0, 0.01), (3.0, 0.018), (4, 0.03)])
    )
    study = made_study([slow, bold, sure, beyond])
    assert study.answer == sure
    assert study.conclusion.bolder == study.bound == bold
    assert 0.5 < bold.chance_inside(BUDGETS) < SURE


def test_there_is_nothing_bolder_than_an_answer_that_is_the_bound() -> None:
    study = made_study([made_trial(0, 1.5, 0.0), made_trial(1, 2.0, 0.005)])
    assert study.answer == study.bound == study.trials[1]
    assert study.conclusion.bolder is None


def test_a_study_without_a_sure_point_has_a_bolder_one_alone() -> None:
    study = made_study([made_trial(0, 2.0, 0.019), made_trial(1, 3.0, 0.03)])
    assert study.answer is None
    assert study.conclusion.bolder == study.trials[0]
    assert study.under(Budgets(0.001)).conclusion.bolder is None
    assert made_study([]).answer is made_study([]).conclusion.bolder is None


def test_a_point_that_breaks_a_condition_is_no_answer() -> None:
    big = made_trial(0, 3.2, 0.0, peak_memory_mib=9000.0)
    small = made_trial(1, 2.0, 0.0, peak_memory_mib=1000.0)
    study = made_study([big, small]).under(Budgets(0.02, {"memory_mib": 4000.0}))
    assert study.answer == small
    assert study.conclusion.bolder is None


def test_an_answer_that_others_beat_by_their_means_is_listed_and_marked() -> None:
    unsure = made_trial(0, 2.0, 0.005, clip_loss_ci=[-0.1, 0.1])
    fast, sure = made_trial(1, 3.0, 0.05), made_trial(2, 1.5, 0.006)
    study = made_study([unsure, fast, sure])
    assert study.answer == sure and study.front == [fast, unsure]
    assert study.listed == [fast, unsure, sure]
    assert study.roles == {0: "bolder", 2: "answer, off the front"}
    written = study.as_json()
    assert [point["trial"] for point in written["front"]] == [1, 0], "as ever"
    assert (written["answer"]["trial"], written["bolder"]["trial"]) == (2, 0)
    alone = made_study([sure])
    assert (alone.listed, alone.roles) == ([sure], {2: "answer"})
    assert made_study([]).as_json()["answer"] is None


def test_what_a_point_is_judged_by_is_written_beside_what_the_search_measured() -> None:
    metric = {"value": 0.9, "loss": 0.1, "loss_ci": [0.08, 0.12], "samples": 8}
    worse = metric | {"value": 0.7, "loss": 0.3, "loss_ci": [0.28, 0.32]}
    confirmed = made_measurement(1.8, 0.03, metrics={"ssim": worse})
    trial = changed(made_trial(0, 2.0, 0.0, metrics={"ssim": metric}), confirmed=confirmed)
    [point] = made_study([trial]).as_json()["front"]
    assert [point[name] for name in ("speedup", "clip_loss")] == [2.0, 0.0]
    names = ("judged_speedup", "judged_clip_loss", "judged_latency_s")
    assert [point[name] for name in names] == pytest.approx([1.8, 0.015, 1 / 1.8])
    assert point["judged_speedup_ci"] == [1.75, 1.85]
    assert point["judged_clip_loss_ci"] == pytest.approx(trial.judged.clip_loss_ci, rel=1e-5)
    assert point["judged_metrics"]["ssim"]["loss"] == pytest.approx(0.2)


def test_a_front_tells_the_chance_of_each_point() -> None:
    [point] = made_study([made_trial(0, 2.0, 0.01)]).as_json()["front"]
    assert point["chance_inside"] == 0.975


@pytest.mark.parametrize(
    ("below", "above", "told"), [(0.0, 0.0, 0.9999), (0.01, 1e-6, 0.9999), (0.01, 0.02705, 0.9499)]
)
def test_no_chance_is_written_as_more_than_it_is(below: float, above: float, told: float) -> None:
    trial = measured(0.0, below, above)
    chance = trial.chance_inside(BUDGETS)
    assert trial.chance_json(BUDGETS) == {"chance_inside": told}
    assert told <= chance and told < 1


def test_a_confirmation_counts_in_the_chance() -> None:
    lucky = made_trial(0, 3.0, 0.005)
    seen_again = changed(lucky, confirmed=made_measurement(3.0, 0.04))
    assert lucky.chance_inside(BUDGETS) > SURE
    assert seen_again.chance_inside(BUDGETS) < 0.5


def test_what_two_samples_agree_on_is_surer_than_one() -> None:
    once = made_trial(0, 3.0, 0.013)
    twice = changed(once, confirmed=made_measurement(2.9, 0.013))
    assert once.chance_inside(BUDGETS) < SURE < twice.chance_inside(BUDGETS)


def test_samples_are_pooled_by_their_prompts_and_the_second_timing_counts() -> None:
    ssim = {"value": 0.9, "loss": 0.1, "loss_ci": [0.06, 0.14], "samples": 8}
    again = {"value": 0.7, "loss": 0.3, "loss_ci": [0.24, 0.36], "samples": 24}
    trial = changed(
        made_trial(0, 3.0, 0.01, metrics={"ssim": ssim}),
        confirmed=made_measurement(
            2.9, 0.03, clip_loss_ci=[0.02, 0.05], samples=24, metrics={"ssim": again}
        ),
    )
    judged = trial.judged
    assert (judged.speedup, judged.samples) == (2.9, 32)
    assert judged.clip_loss == pytest.approx(0.025)
    assert trial.judged_loss == judged.clip_loss
    # Below: a quarter of 0.01 and three of 0.01, in squares. Above: the same, and three quarters of
    # three quarters of 0.01, by which the second high end lies further off than its low end.
    spread = (0.0025**2 + 0.0075**2) ** 0.5
    ends = [0.025 - spread, 0.025 + spread + 0.75 * 0.0075]
    assert judged.clip_loss_ci == pytest.approx(ends)
    both = judged.metrics["ssim"]
    assert [both.value, both.loss, both.samples] == pytest.approx([0.75, 0.25, 32])
    assert both.loss_ci is not None
    assert both.loss_ci[1] - both.loss == pytest.approx((0.01**2 + 0.045**2) ** 0.5)


def test_pooling_two_halves_is_like_measuring_all_at_once() -> None:
    """By the statistics that make intervals, on losses with a long tail."""
    random = np.random.default_rng(3)
    ratios = []
    for _ in range(200):
        losses = random.exponential(0.02, 64).tolist()
        first, second, whole = (mean_loss(part) for part in (losses[:32], losses[32:], losses))
        one, other = (
            made_measurement(2.0, part.value, clip_loss_ci=[part.low, part.high], samples=32)
            for part in (first, second)
        )
        both = pooled(one, other)
        assert both.clip_loss == pytest.approx(whole.value)
        reach = both.clip_loss_ci[1] - both.clip_loss
        ratios.append(reach / (whole.high - whole.value))
    assert 0.95 < np.mean(ratios) < 1.1
