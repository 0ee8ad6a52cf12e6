"""The figures and charts of the report."""

from __future__ import annotations

from html import unescape

import pytest

from accelfront.report.charts import comparison_chart, hypervolume_chart
from accelfront.report.comparing import compare
from accelfront.report.data import report_study
from accelfront.report.page import render_page
from accelfront.screen.commands import Commands
from tests.accelfront.report.pages import TRIALS, without_library
from tests.made_records import changed
from tests.made_reports import made_study, made_trial


def test_the_hypervolume_follows_the_trials() -> None:
    study = made_study(TRIALS)
    # Trial 1 adds nothing, trial 2 adds beside trial 0, trial 3 is over the budget.
    assert report_study(study, Commands([study])).hypervolumes == pytest.approx(
        [0.2 * 0.02, 0.2 * 0.02, 0.2 * 0.02 + 0.3 * 0.01, 0.2 * 0.02 + 0.3 * 0.01]
    )


def test_the_search_is_weighed_against_the_grid() -> None:
    study = made_study(TRIALS)
    cost = report_study(study, Commands([study])).cost
    assert cost is not None
    assert (cost.spent, cost.distinct, cost.grid) == (40.0, 500.0, 1000.0)


def test_second_looks_are_part_of_what_the_search_cost() -> None:
    first = made_trial(0, 1.2, 0.0)
    again = changed(
        made_trial(0, 1.3, 0.0, seconds={"generate": 3.0}),
        timed_again=True,
        first_timing=first.measurement,
        confirmed=made_trial(0, 1.2, 0.0, seconds={"generate": 20.0}).measurement,
    )
    study = made_study([again, *TRIALS[1:]])
    cost = report_study(study, Commands([study])).cost
    assert cost is not None
    assert (cost.searched, cost.again, cost.spent) == (40.0, 23.0, 63.0)
    assert (cost.distinct, cost.grid) == (500.0, 1000.0), "at what a point of the search cost"
    page = " ".join(unescape(without_library(render_page([study], {}))).split())
    assert "The search took 63 s for 4 points, 23 s of it for measuring some of them again." in page


def test_the_quality_of_measurement_is_told() -> None:
    study = made_study([*TRIALS, made_trial(4, 1.0, 0.0, device_shared=True)])
    quality = report_study(study, Commands([study])).quality
    assert quality is not None
    assert quality.drift == pytest.approx((-0.1, 0.1))
    assert quality.noise == pytest.approx(0.02 / 2**0.5)
    assert quality.interval == pytest.approx(0.1 / 1.2)
    assert quality.disturbed == 1


def test_fewer_steps_are_points_of_their_own_and_can_be_unbeaten() -> None:
    at_20 = made_study([made_trial(0, 1.5, 0.05, baseline_s=1.0)])
    at_10 = made_study(
        [made_trial(0, 1.1, 0.2, baseline_s=0.5, baseline_clip_score=0.79)], steps=10
    )
    [comparison] = compare([at_20, at_10])
    plain = [option for option in comparison.options if not option.methods]
    assert [(each.steps, each.latency_s, each.clip_score) for each in plain] == [
        (10, 0.5, 0.79),
        (20, 1.0, 0.8),
    ]
    # Of trial 0 at 20 steps, 10 steps without acceleration are quicker and better.
    assert [(each.steps, each.methods) for each in comparison.best] == [
        (10, "deepcache"),
        (10, ""),
        (20, ""),
    ]


@pytest.mark.parametrize("other", [{"device": "another CPU"}, {"num_samples": 64}])
def test_what_was_measured_otherwise_is_not_compared(other: dict[str, object]) -> None:
    studies = [made_study(TRIALS), made_study(TRIALS, digest="ffffffff", **other)]  # type: ignore[arg-type]
    assert [len(comparison.options) for comparison in compare(studies)] == [4, 4]


def test_seconds_of_different_hours_are_put_beside_one_baseline() -> None:
    quiet = made_study([made_trial(0, 2.0, 0.01, baseline_s=1.0)])
    busy = made_study([made_trial(0, 1.6, 0.0, baseline_s=3.0)], methods=["tgate"])
    [comparison] = compare([quiet, busy])
    assert comparison.drift == pytest.approx(2.0)
    seconds = {option.methods: option.latency_s for option in comparison.options}
    assert seconds == {"": 2.0, "deepcache": 1.0, "tgate": 1.25}
    page = " ".join(unescape(without_library(render_page([quiet, busy], {}))).split())
    assert "its seconds differed by at most 200%" in page
    assert compare([quiet])[0].drift is None


@pytest.mark.parametrize(("points", "step"), [(2, 1), (8, 1), (13, None)])
def test_few_points_have_a_tick_each(points: int, step: int | None) -> None:
    study = made_study([made_trial(number, 1.1 + number / 10, 0.0) for number in range(points)])
    figure = hypervolume_chart(report_study(study, Commands([study])))
    assert figure["layout"]["xaxis"].get("dtick") == step


def test_no_two_traces_are_told_apart_by_colour_alone() -> None:
    studies = [
        made_study(TRIALS, methods, scheduler)
        for methods in (("deepcache",), ("tgate",), ("tome",), ("deepcache", "tgate"))
        for scheduler in ("DDIM", "UniPC", "DPM-Solver++")
    ]
    [comparison] = compare(studies)
    symbols = [trace["marker"]["symbol"] for trace in comparison_chart(comparison)["data"]]
    assert len(symbols) == len(set(symbols)) == 15
