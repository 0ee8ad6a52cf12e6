"""The figures and charts of the report."""

from __future__ import annotations

from html import unescape

import pytest

from accelfront.report.comparing import compare
from accelfront.report.data import report_study
from accelfront.report.page import render_page
from accelfront.screen.commands import Commands
from tests.accelfront.report.pages import TRIALS, readable
from tests.made_records import changed
from tests.made_reports import RIVALS, made_study, made_trial


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
    page = " ".join(unescape(readable(render_page([study], {}))).split())
    assert "The search took 63 s for 4 points, 23 s of it for measuring some of them again." in page


def test_the_quality_of_measurement_is_told() -> None:
    study = made_study([*TRIALS, made_trial(4, 1.0, 0.0, device_shared=True)])
    quality = report_study(study, Commands([study])).quality
    assert quality is not None
    assert quality.drift == pytest.approx((-0.1, 0.1))
    assert quality.noise == pytest.approx(0.02 / 2**0.5)
    assert quality.interval == pytest.approx(0.1 / 1.2)
    assert quality.disturbed == 1


def test_each_study_is_compared_with_fewer_steps_beside_its_own_baseline() -> None:
    at_20 = made_study([made_trial(0, 1.5, 0.05, baseline_s=1.0)])
    # Another hour: its seconds say nothing, its score does.
    at_10 = made_study(
        [made_trial(0, 1.1, 0.2, baseline_s=70.0, baseline_clip_score=0.79)], steps=10
    )
    [comparison] = compare([at_10, at_20])
    assert comparison.fewer[at_10.name] == []
    [fewer] = comparison.fewer[at_20.name]
    assert fewer.words == "10 of 20 steps, by their count"
    assert (fewer.speedup, fewer.loss) == pytest.approx((2.0, 1 - 0.79 / 0.8))


def test_fewer_steps_that_were_timed_come_before_those_that_are_counted() -> None:
    timed = made_study(RIVALS, methods=["deepcache", "fewer_steps"])
    studies = [timed, made_study(TRIALS), made_study(TRIALS, steps=10)]
    [comparison] = compare(studies)
    assert comparison.studies[0].name == timed.name, "the fastest answer"
    for study in studies[:2]:
        assert [each.words for each in comparison.fewer[study.name]] == [
            "trial 2, timed",
            "trial 3, timed",
        ]
    answer = timed.answer
    beside = comparison.fewer_beside(timed)
    assert answer is not None and beside is not None
    assert (answer.judged_loss, beside.speedup) == (0.009, 4.0), "5x loses more"


@pytest.mark.parametrize("other", [{"device": "another CPU"}, {"num_samples": 64}])
def test_what_was_measured_otherwise_is_not_compared(other: dict[str, object]) -> None:
    studies = [made_study(TRIALS), made_study(TRIALS, digest="ffffffff", **other)]  # type: ignore[arg-type]
    assert compare(studies) == []
    assert len(compare([*studies, made_study(TRIALS, methods=["tgate"])])) == 1
