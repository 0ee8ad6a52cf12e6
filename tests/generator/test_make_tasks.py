from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.choice import Rules, task_difficulty
from generator.make_tasks import make_tasks
from generator.tasks.task import read_task
from generator.tasks.writing import task_json, task_sentence
from storage.database.opening import Store, open_store
from storage.reading.studies import read_studies
from storage.records.budgets import Budgets
from storage.records.requirement import Requirement, meets
from storage.records.trial import Trial
from tests.made_records import changed, made_point
from tests.made_reports import made_study
from tests.made_studies import add_point, add_study

RATIOS = (0.8, 0.9, 0.95)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path}/a.db", create=True)


@pytest.fixture
def study(store: Store) -> optuna.Study:
    """Answer 3.04x, and 2.99x of it sure."""
    study = add_study(store, "deepcache", "tgate")
    add_point(study, {"cache_interval": 5}, (4.0, 3.9, 4.1), (0.09, 0.08, 0.1))
    add_point(study, {"cache_interval": 3}, (3.04, 2.99, 3.1), (0.01, 0.0, 0.02))
    return study


def test_tasks_ask_for_shares_of_the_answer_rounded_down(store: Store, study: optuna.Study) -> None:
    tasks, told = make_tasks(read_studies(store), RATIOS)
    assert [task.speedup for task in tasks] == [2.43, 2.73, 2.88]
    assert told == []
    assert task_json(tasks[0]) == {
        "pipeline": "tiny-shapes",
        "scheduler": "DDIM",
        "steps": 20,
        "methods": ["deepcache", "tgate"],
        "speedup": 2.43,
        "latency_s": None,
        "loss_budget": 0.02,
    }


def test_a_study_that_allows_more_than_a_task_may_is_told_in_plain_words(
    store: Store, study: optuna.Study
) -> None:
    [record] = read_studies(store)
    tasks, [told] = make_tasks([changed(record, budgets=Budgets(0.6))], RATIOS)
    assert tasks == []
    assert ": no task: a loss budget above 50% accepts pictures" in told


def test_a_share_with_two_decimals_is_not_rounded_further_down(store: Store) -> None:
    # As a float 2.3 * 100 is below 230.
    add_point(add_study(store, "tome"), {"ratio": 0.5}, (2.3, 2.3, 2.3), (0.0, 0.0, 0.0))
    [task], _ = make_tasks(read_studies(store), [1.0])
    assert task.speedup == 2.3


def test_what_no_trial_meets_by_interval_is_lowered_and_told(
    store: Store, study: optuna.Study
) -> None:
    add_point(study, {"cache_interval": 4}, (3.5, 2.5, 4.6), (0.01, 0.0, 0.02))
    [record] = read_studies(store)
    tasks, told = make_tasks([record], RATIOS)
    assert [task.speedup for task in tasks] == [2.8, 2.99]
    assert told == [
        f"{record.name}: 0.9 and 0.95 of the answer 3.50x lowered to 2.99x, which trial 1 meets by "
        "its interval"
    ]


def test_a_bolder_point_is_told_and_asked_of_nobody(store: Store, study: optuna.Study) -> None:
    add_point(study, {"cache_interval": 4}, (3.5, 3.4, 3.6), (0.015, 0.0, 0.03))
    [record] = read_studies(store)
    tasks, told = make_tasks([record], RATIOS)
    assert [task.speedup for task in tasks] == [2.43, 2.73, 2.88]
    assert told == [
        f"{record.name}: trial 2 gives 3.50x if you accept a 19% chance that it loses more than 2%"
    ]


def test_a_study_that_keeps_the_budget_by_luck_only_gets_no_task(store: Store) -> None:
    lucky = add_study(store, "deepcache")
    add_point(lucky, {"cache_interval": 3}, (2.0, 1.9, 2.1), (0.015, 0.0, 0.03))
    add_study(store, "tome")
    tasks, told = make_tasks(read_studies(store), RATIOS)
    assert tasks == []
    assert ["deepcache" in line for line in told] == [True, False]


def test_nobody_is_asked_to_be_slower_than_the_baseline(store: Store) -> None:
    add_point(add_study(store, "tome"), {"ratio": 0.5}, (1.2, 1.1, 1.3), (0.0, -0.01, 0.01))
    tasks, told = make_tasks(read_studies(store), RATIOS)
    assert [task.speedup for task in tasks] == [1.08, 1.1]
    [line] = told
    assert "no task of 0.8 of the answer 1.20x: that is not faster than the baseline" in line
    assert "0.95 of the answer 1.20x lowered to 1.10x" in line


def test_a_study_whose_answer_may_be_slower_gets_one_line_and_no_task(store: Store) -> None:
    study = add_study(store, "tome")
    for number, ratio in enumerate((0.1, 0.5)):
        speedup = 1.1 + number / 100
        add_point(study, {"ratio": ratio}, (speedup, 0.95, 1.3), (0.0, -0.01, 0.01))
    tasks, told = make_tasks(read_studies(store), RATIOS)
    assert tasks == []
    [line] = told
    assert "no task of its answer 1.11x: no point is sure to be faster than 0.95x" in line


def test_equal_tasks_of_two_studies_are_made_once(store: Store) -> None:
    for digest in ("00000000", "11111111"):
        study = add_study(store, "tome", digest=digest)
        add_point(study, {"ratio": 0.5}, (2.0, 1.9, 2.1), (0.0, 0.0, 0.0))
    tasks, _ = make_tasks(read_studies(store), RATIOS)
    assert [task.speedup for task in tasks] == [1.6, 1.8, 1.9]


def test_a_study_of_a_pipeline_that_is_not_known_here_gets_no_task(store: Store) -> None:
    study = add_study(store, "tome", pipeline="Later-Pipeline")
    add_point(study, {"ratio": 0.5}, (2.0, 1.9, 2.1), (0.0, 0.0, 0.0))
    tasks, told = make_tasks(read_studies(store), [0.9])
    assert tasks == []
    assert "Later-Pipeline" in told[0]


def test_the_loss_budget_of_a_task_is_that_of_reading(store: Store, study: optuna.Study) -> None:
    [record] = read_studies(store)
    [task], _ = make_tasks([record.under(Budgets(0.1))], [0.8])
    assert (task.speedup, task.loss_budget) == (3.2, 0.1)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_made_task_is_read_back_from_its_sentence_and_its_json(
    store: Store, study: optuna.Study, language: str
) -> None:
    for task in make_tasks(read_studies(store), RATIOS)[0]:
        for text in (task_sentence(task, language), json.dumps(task_json(task))):  # type: ignore[arg-type]
            assert read_task(text).model_copy(update={"text": "", "notes": ()}) == task


def measured(number: int, speedup: float, loss: float, widths: tuple[float, float]) -> Trial:
    intervals = {
        "speedup_ci": [speedup * (1 - widths[0]), speedup * (1 + widths[0])],
        "clip_loss_ci": [loss - widths[1], loss + widths[1]],
    }
    return made_point(number, {}, speedup, loss, **intervals)


trials = st.builds(
    measured,
    st.integers(0, 99),
    st.floats(0.5, 9),
    st.floats(-0.05, 0.1),
    st.tuples(st.floats(0, 0.3), st.floats(0, 0.05)),
)


@given(st.lists(trials, max_size=6), st.lists(st.floats(0.01, 1), min_size=1, max_size=4))
@settings(max_examples=200)
def test_a_trial_meets_every_made_task_by_interval(
    points: list[Trial], ratios: list[float]
) -> None:
    study = made_study(points, methods=["tome"])
    tasks, _ = make_tasks([study], ratios)
    for task in tasks:
        wish = Requirement(speedup=task.speedup)
        assert any(meets(trial, wish, study.budgets.with_limits(task.limits)) for trial in points)
        assert task_difficulty(study, task, Rules()) in ("easy", "normal")
