"""The one form of words for a study's answer, its bolder point and its least loss."""

from __future__ import annotations

from storage.records.budgets import Budgets
from storage.records.conclusions.conclusion import Conclusion
from storage.records.conclusions.words import share_text
from storage.records.judgement import SURE
from tests.made_reports import made_trial

BUDGETS = Budgets(0.02)

SLOW = made_trial(0, 0.8, -0.01)

ANSWER = made_trial(1, 1.5, 0.005)


def test_a_bolder_point_is_told_with_its_risk_beside_the_answer() -> None:
    found = Conclusion.of([SLOW, ANSWER, made_trial(2, 1.96, 0.01913)], BUDGETS)
    assert found.answer == ANSWER and found.least_lossy is None
    assert found.in_words().endswith(
        "with a chance of 99%. Trial 2 gives 1.96x if you accept a 40% chance that it loses more "
        "than 2%."
    )


def test_the_risk_of_several_budgets_is_told_of_all() -> None:
    budgets = Budgets(0.02, {"memory_mib": 2048.0})
    trials = [
        made_trial(1, 1.5, 0.0, peak_memory_mib=1024.0),
        made_trial(2, 2.0, 0.019, peak_memory_mib=1024.0),
    ]
    told = Conclusion.of(trials, budgets).bolder_in_words
    assert told.endswith("that it is not inside the budgets (CLIP loss 2%, peak memory 2 GiB)")


def test_what_is_slower_than_the_pipeline_alone_is_no_answer() -> None:
    found = Conclusion.of([SLOW], BUDGETS)
    assert found.answer is found.bolder is found.least_lossy is None
    assert found.bound == SLOW
    assert "no point inside the loss budget of 2% is faster than the pipeline" in found.in_words()
    unsure = Conclusion.of([made_trial(0, 1.02, 0.0)], BUDGETS).in_words()
    assert unsure.endswith("99%, but it may be 0.97x; an idle machine tells more.")


def test_where_nothing_is_inside_the_least_loss_is_named() -> None:
    trials = [made_trial(0, 2.0, 0.05), made_trial(1, 1.3, 0.024), made_trial(2, 1.2, 0.03)]
    found = Conclusion.of(trials, BUDGETS)
    assert found.least_lossy == trials[1]
    assert "the least loss is 2.4%, at 1.30x (trial 1)" in found.briefly
    conditions = Budgets(0.05, {"memory_mib": 1024.0})
    words = Conclusion.of([made_trial(0, 2.0, 0.0, peak_memory_mib=4096.0)], conditions).in_words()
    assert words.endswith("(trial 0), but its peak memory is 4 GiB, and 1 GiB is allowed.")


def test_a_chance_that_is_not_enough_never_looks_so() -> None:
    assert [share_text(chance) for chance in (0.0, SURE - 0.001, SURE, 0.9999, 1.0)] == [
        "0%", "94%", "95%", "99%", "99%",
    ]  # fmt: skip
