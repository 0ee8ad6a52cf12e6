"""Points that failed: which of them the next run measures again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accel_space.method import Params
from benchmarks.storage.stub_loader import REQUEST, StubLoader, StubObjective
from objectives.errors import MeasurementError
from storage.database.opening import Store
from storage.reading.studies import read_studies
from storage.records.measurement import Measurement
from studies.errors import StudyFailedError
from studies.plan import Plan, make_plan
from studies.request import SAMPLERS
from studies.run.measuring import Instrument
from studies.run.progress import RunResult
from studies.run.runner import run_study
from tests import command_line
from tests.studies.run.conftest import open_budget
from tests.tiers.covering import taking_turns

QUICK = replace(REQUEST, methods=("deepcache",), steps=2, trials=4, confirm=False)
"""A study of four points."""

BAD = "cache_interval=2 cache_branch_id=1"

BLACK = MeasurementError("black pictures: at least one is black all over")


class Lab(StubLoader):
    """One point fails, or every one."""

    def __init__(self, error: BaseException | None, which: Callable[[Params], bool]) -> None:
        super().__init__(lambda: None)
        self.error, self.which = error, which
        self.asked: list[Params] = []

    def load(self, plan: Plan, store: Store, tell: Callable[[str], None]) -> Instrument:
        """See `PipelineLoader.load`."""
        instrument = super().load(plan, store, tell)
        objective: Any = instrument.objective
        assert isinstance(objective, StubObjective)
        measure = objective.measure

        def measure_or_fail(point: Params, *given: Any, **more: Any) -> Measurement:
            self.asked.append(point)
            if self.error is not None and self.which(point):
                raise self.error
            return measure(point, *given, **more)

        objective.measure = measure_or_fail  # type: ignore[method-assign]
        return instrument


def is_bad(point: Params) -> bool:
    return point == {"deepcache.cache_interval": 2, "deepcache.cache_branch_id": 1}


def run(
    store: Store,
    error: BaseException | None = None,
    which: Callable[[Params], bool] = is_bad,
    versions: dict[str, str] | None = None,
    **changes: Any,
) -> tuple[RunResult, list[Params]]:
    """Run the study; what came of it, and which points were tried."""
    plan = make_plan(replace(QUICK, **changes))
    if versions is not None:
        environment = plan.environment.model_copy(update={"versions": versions})
        plan = replace(plan, environment=environment)
    lab = Lab(error, which)
    return run_study(plan, store, loader=lab), lab.asked


@pytest.mark.parametrize("sampler", taking_turns(SAMPLERS, turn=2, of=3))
def test_a_failed_point_stays_failed_until_it_is_to_be_tried_again(
    store: Store, sampler: str
) -> None:
    first, asked = run(store, BLACK, sampler=sampler)
    assert len(first.study.trials) == 3 and sum(map(is_bad, asked)) == 1
    second, asked = run(store, sampler=sampler)
    assert (second.reason, asked) == ("points", [])
    [failed] = second.study.failed
    assert (failed.point, failed.reason) == (BAD, f"MeasurementError: {BLACK}")
    assert [list(study.failed) for study in read_studies(store)] == [[failed]]
    third, asked = run(store, sampler=sampler, retry_failed=True)
    assert len(third.study.trials) == 4 and list(map(is_bad, asked)) == [True]
    assert not third.study.failed


def test_it_takes_no_place_of_a_point_that_is_wanted(store: Store) -> None:
    outcome, _ = run(store, BLACK, sampler="grid", trials=3)
    assert (outcome.reason, len(outcome.study.trials)) == ("trials", 3)


def test_other_versions_try_again(store: Store) -> None:
    run(store, BLACK, sampler="grid")
    _, asked = run(store, versions={"torch": "99"}, sampler="grid", allow_version_drift=True)
    assert list(map(is_bad, asked)) == [True]


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        MemoryError(),
        RuntimeError("CUDA out of memory"),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_what_came_from_outside_is_not_the_points_fault(store: Store, error: BaseException) -> None:
    try:
        run(store, error)
    except KeyboardInterrupt:
        assert isinstance(error, KeyboardInterrupt)
    outcome, asked = run(store)
    assert sum(map(is_bad, asked)) == 1
    assert len(outcome.study.trials) == 4 and not outcome.study.failed


def test_a_study_whose_points_all_failed_says_so_in_every_run(store: Store) -> None:
    tried = 0
    for _ in range(3):
        with pytest.raises(StudyFailedError, match=r"black pictures.*--retry-failed") as ended:
            run(store, BLACK, lambda point: True)
        assert "\n" not in str(ended.value)
        [study] = read_studies(store)
        tried = max(tried, len(study.failed))
    assert tried == study.states["fail"] == 4


def test_a_second_look_that_failed_is_not_taken_again(store: Store) -> None:
    confirmed: set[str] = set()

    def is_known(point: Params) -> bool:
        known = str(point) in confirmed
        confirmed.add(str(point))
        return known

    budget = open_budget(QUICK)
    first, _ = run(store, BLACK, is_known, confirm=True, loss_budget=budget)
    assert first.failures and all("confirmed: " in key for key in first.failures)
    second, asked = run(store, confirm=True, loss_budget=budget)
    assert (second.reason, asked) == ("points", [])
    assert {each.point for each in second.study.failed} == first.failures.keys()
    _, asked = run(store, confirm=True, loss_budget=budget, retry_failed=True)
    assert len(asked) == len(first.failures)


def test_front_and_the_summary_tell_the_reason_and_the_way_on(
    storage_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(store, BLACK)
    lab = Lab(None, is_bad)
    monkeypatch.setattr("studies.run.runner.PipelineLoader", lambda: lab)
    quick = ("--steps", "2", "--num-samples", "2", "--batch-size", "1", "--device", "cpu")
    study = ("study", "--methods", "deepcache", *quick, "--no-confirm", "--storage", storage_url)
    told = command_line.run(*study)
    assert told.returncode == 0 and not lab.asked
    front = command_line.run("front", "--storage", storage_url).stdout
    for text in (told.stderr, front):
        assert f"{BAD}: MeasurementError: {BLACK}" in text
        assert "--retry-failed" in text
    again = command_line.run(*study, "--retry-failed")
    assert again.returncode == 0 and "4 of 4 points measured" in again.stderr
