"""The time that a run says is left, remeasurements included."""

from __future__ import annotations

import time
from dataclasses import replace

from benchmarks.storage.stub_loader import REQUEST
from storage.database.opening import Store
from studies.plan import make_plan
from studies.run.progress import Progress
from studies.run.remeasurement.confirmation import room_to_confirm
from studies.run.runner import run_study
from studies.run.time_left import StepTimes, steps_to_come
from tests.made_records import changed
from tests.made_reports import made_trial
from tests.studies.run.remeasurement.lab import Lab


def test_nothing_is_promised_before_anything_was_measured() -> None:
    assert StepTimes().left_s({"measured": 8, "confirmed": 2}) is None


def test_each_kind_of_step_counts_by_what_it_took() -> None:
    step_times = StepTimes()
    step_times.note("measured", 10.0)
    step_times.note("measured", 20.0)
    assert step_times.left_s({"measured": 2}) == 30
    # As long as a point each, and the unaccelerated pictures before the first one.
    assert step_times.left_s({"measured": 2, "confirmed": 2}) == 30 + 30 + 15
    step_times.note("confirmed", 40.0)
    assert step_times.left_s({"confirmed": 1, "timed again": 1}) == 40 + 15
    assert step_times.left_s({}) == 0


def test_what_may_be_confirmed_is_counted_from_the_start() -> None:
    points = [made_trial(number, 1.5 - number / 10, -number / 100) for number in range(3)]
    assert [room_to_confirm(points, wanted) for wanted in (1, 8, 24, 1000)] == [1, 1, 3, 8]
    assert steps_to_come(points, 8, confirmations=1) == {
        "measured": 5, "timed again": 0, "confirmed": 1,
    }  # fmt: skip
    assert steps_to_come([*points, made_trial(4, 1.5, 0.0, disturbed=["slow"])], 8, 0) == {
        "measured": 4, "timed again": 1, "confirmed": 0,
    }  # fmt: skip
    points[1] = changed(points[1], confirmed=points[1].measurement)
    assert [room_to_confirm(points, wanted) for wanted in (1, 8, 24)] == [0, 0, 2]


def test_a_run_tells_how_long_its_remeasurements_will_take(store: Store) -> None:
    seen: list[Progress] = []
    plan = make_plan(replace(REQUEST, trials=16, loss_budget=0.0205))
    lab = Lab(act=lambda what: time.sleep(0.2 if what == "confirmed" else 0.1))
    run_study(plan, store, seen.append, lab)
    searched = [each for each in seen if each.stage.startswith("measuring")]
    # Of the last point there is that left, and two confirmations with their baseline.
    assert searched[-1].left_s is not None and searched[-1].left_s > 0.35
    first, second = (each for each in seen if each.stage.startswith("confirming"))
    assert first.stage.startswith("confirming on unseen prompts, 1 of 2: ")
    assert second.stage.startswith("confirming on unseen prompts, 2 of 2: ")
    assert second.last.startswith("confirmed 1 of 2, ")
    assert first.left_s is not None and first.left_s > 0.25
    assert second.left_s is not None and second.left_s > 0.19
    assert (seen[-1].stage, seen[-1].left_s) == ("done", 0)
    assert seen[-1].last.startswith("confirmed 2 of 2, ")
