"""Which trial serves a task, on made-up points."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.choice import (
    Policy,
    Rules,
    Scope,
    by_trust,
    choose,
    is_within_bound,
    nearest,
    task_difficulty,
)
from generator.tasks.task import Task
from storage.records.budgets import Budgets
from tests.made_records import changed, made_point
from tests.made_reports import made_study

FAST = (3.0, 2.9, 3.1), (0.05, 0.04, 0.06)
BEST = (2.0, 1.9, 2.1), (0.015, 0.01, 0.019)
UNSURE = (2.2, 1.5, 2.9), (0.01, 0.0, 0.018)
MILD = (1.6, 1.55, 1.65), (0.005, -0.01, 0.01)
SLOW = (1.3, 1.25, 1.35), (0.006, 0.0, 0.012)


def make_study(*points: Any, prompts: int = 32, device: str = "a CPU", name: str = "s") -> Any:
    """A study of points, each given as its speedup and its loss with their intervals.

    A picture of the baseline takes a second.
    """
    trials = [
        made_point(
            number,
            {},
            speedup[0],
            loss[0],
            speedup_ci=speedup[1:],
            clip_loss_ci=loss[1:],
            latency_ci_s=[1 / speedup[2], 1 / speedup[1]],
        )
        for number, (speedup, loss) in enumerate(points)
    ]
    study = made_study(trials, device=device, num_samples=prompts, model="tiny@0a1b2c3d")
    return changed(study, name=name, budgets=Budgets(0.5))


def make_task(**wanted: float) -> Task:
    return Task(pipeline="tiny-shapes", methods=("deepcache",), **wanted)  # type: ignore[arg-type]


STUDY = make_study(FAST, BEST, UNSURE, MILD, SLOW)


@pytest.mark.parametrize(
    ("policy", "wanted", "trial"),
    [
        ("fastest", {"speedup": 1.2}, 2),
        ("closest", {"speedup": 1.2}, 4),
        ("best-quality", {"speedup": 1.2}, 3),
        ("closest", {"speedup": 1.5}, 3),
        ("fastest", {"latency_s": 0.8}, 2),
        ("closest", {"latency_s": 0.82}, 4),
        ("best-quality", {"latency_s": 0.7}, 3),
        ("fastest", {}, 2),
        ("closest", {}, 2),
        ("best-quality", {}, 3),
        ("fastest", {"speedup": 1.2, "loss_budget": 0.01}, 3),
        ("fastest", {"speedup": 2.5, "loss_budget": 0.1}, 0),
    ],
)
def test_policies_choose_among_the_points_that_serve(
    policy: Policy, wanted: dict[str, float], trial: int
) -> None:
    choice = choose([STUDY], make_task(**wanted), policy)
    assert choice is not None
    assert choice.trial.number == trial


def test_equally_close_points_are_told_apart_by_their_loss() -> None:
    study = make_study(((1.6, 1.5, 1.7), (0.01, 0.0, 0.02)), MILD)
    choice = choose([study], make_task(speedup=1.5), "closest")
    assert choice is not None
    assert choice.trial.number == 1


@pytest.mark.parametrize(
    "wanted",
    [
        {"speedup": 1.95},
        {"speedup": 1.2, "loss_budget": 0.007},
        {"latency_s": 0.51},
        {"speedup": 1.2, "latency_s": 0.51},
    ],
)
def test_what_is_met_by_luck_alone_serves_nothing(wanted: dict[str, float]) -> None:
    task = make_task(**wanted)
    assert choose([STUDY], task, "fastest") is None
    assert is_within_bound([STUDY], task)


def test_a_task_that_names_no_speed_is_served_by_nothing_slower_than_the_baseline() -> None:
    slower = make_study(((0.9, 0.85, 0.95), (0.0, -0.01, 0.01)))
    assert choose([slower], make_task(), "fastest") is None
    assert not is_within_bound([slower], make_task())


SLOWING = (0.73, 0.7, 0.76), (-0.02, -0.03, -0.01)
MAY_SLOW = (1.1, 0.98, 1.2), (-0.02, -0.03, -0.01)


@pytest.mark.parametrize("policy", get_args(Policy))
@pytest.mark.parametrize("wanted", [{"latency_s": 10.0}, {"speedup": 1.0}, {}])
def test_no_task_is_served_by_what_slows_down(policy: Policy, wanted: dict[str, float]) -> None:
    assert choose([make_study(SLOWING)], make_task(**wanted), policy) is None
    choice = choose([make_study(SLOWING, SLOW)], make_task(**wanted), policy)
    assert choice is not None and choice.trial.number == 1


def test_what_is_faster_by_its_mean_alone_serves_where_no_speedup_is_asked_for() -> None:
    study = make_study(SLOWING, MAY_SLOW)
    assert choose([study], make_task(speedup=1.0), "fastest") is None
    for wanted in ({}, {"latency_s": 10.0}):
        choice = choose([study], make_task(**wanted), "fastest")
        assert choice is not None and choice.trial == study.answer


POINTS = st.lists(
    st.tuples(
        st.floats(0.7, 3.0).flatmap(lambda v: st.tuples(st.just(v), st.floats(0.001, 0.5))),
        st.floats(-0.03, 0.05).flatmap(lambda v: st.tuples(st.just(v), st.floats(0.0, 0.03))),
    ),
    max_size=5,
)


@given(POINTS, st.floats(-0.02, 0.05))
def test_what_a_study_answers_is_what_a_task_without_a_speed_gets(
    points: list[tuple[tuple[float, float], tuple[float, float]]], budget: float
) -> None:
    study = make_study(
        *(
            ((speedup, speedup * (1 - wide), speedup * (1 + wide)), (loss, loss - far, loss + far))
            for (speedup, wide), (loss, far) in points
        )
    ).under(Budgets(budget))
    choice = choose([study], make_task(loss_budget=budget), "fastest")
    assert (None if choice is None else choice.trial) == study.answer


@pytest.mark.parametrize("wanted", [{"speedup": 2.3}, {"latency_s": 0.4}])
def test_the_nearest_point_beyond_the_bound_is_the_bound(wanted: dict[str, float]) -> None:
    task = make_task(**wanted)
    assert not is_within_bound([STUDY], task)
    assert nearest([STUDY], task).trial.number == 2


def test_the_nearest_point_within_the_bound_is_the_one_that_most_likely_meets_the_task() -> None:
    # 2.0x needs little more to be sure, 2.2x may be anything.
    assert nearest([STUDY], make_task(speedup=1.95)).trial.number == 1
    # 2.0x is sure to be slower; it only has the greatest low end of what is surely inside.
    assert nearest([STUDY], make_task(speedup=2.15)).trial.number == 2


def test_a_bolder_point_that_is_fast_enough_is_nearer_than_a_sure_one_that_is_not() -> None:
    bolder = (2.5, 2.4, 2.6), (0.01, -0.01, 0.03)
    study = make_study(MILD, bolder)
    task = make_task(speedup=2.3)
    assert choose([study], task, "fastest") is None
    assert nearest([study], task).trial.number == 1


@given(POINTS, st.floats(1.0, 3.0), st.floats(0.3, 1.5), st.sampled_from(["speedup", "both"]))
def test_what_is_refused_is_never_easy_and_what_is_served_never_hard(
    points: list[tuple[tuple[float, float], tuple[float, float]]],
    speedup: float,
    latency: float,
    asked: str,
) -> None:
    study = make_study(
        *(
            ((value, value * (1 - wide), value * (1 + wide)), (loss, loss - far, loss + far))
            for (value, wide), (loss, far) in points
        )
    )
    task = make_task(speedup=speedup, **({"latency_s": latency} if asked == "both" else {}))
    told = task_difficulty(study, task, Rules())
    if choose([study], task, "fastest") is None:
        assert told in ("normal", "hard")
    else:
        assert told in ("easy", "normal")


def test_two_points_that_meet_half_a_task_each_make_it_no_easy_one() -> None:
    study = make_study(MILD, BEST)
    assert task_difficulty(study, make_task(speedup=1.2, loss_budget=0.01), Rules()) == "easy"
    assert task_difficulty(study, make_task(speedup=1.7, loss_budget=0.01), Rules()) == "normal"


def test_where_no_point_is_inside_the_budget_the_nearest_loses_least() -> None:
    task = make_task(loss_budget=0.001)
    assert nearest([STUDY], task).trial.number == 3
    assert is_within_bound([STUDY], task), "nobody knows yet where the bound is"


def test_studies_of_more_prompts_and_then_of_more_points_come_first() -> None:
    few = make_study(FAST, BEST, MILD, prompts=8, name="few")
    many = make_study(MILD, prompts=64, name="many")
    more = make_study(MILD, SLOW, prompts=64, name="more")
    assert [study.name for study in by_trust([few, many, more])] == ["more", "many", "few"]


def test_points_of_two_studies_are_never_weighed_against_each_other() -> None:
    trusted, other = make_study(MILD, name="trusted"), make_study(BEST, name="other")
    for speedup, name in ((1.2, "trusted"), (1.8, "other")):
        choice = choose([trusted, other], make_task(speedup=speedup), "fastest")
        assert choice is not None
        assert choice.study.name == name


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"speedup": 1.0}, "easy"),
        ({"speedup": 2.0}, "normal"),
        ({"speedup": 2.25}, "normal"),
        ({"speedup": 2.3}, "hard"),
        ({"speedup": 2.7}, "hard"),
        ({"latency_s": 1.0}, "easy"),
        ({"latency_s": 0.5}, "normal"),
        ({"latency_s": 0.3}, "hard"),
        ({"speedup": 1.0, "latency_s": 0.3}, "hard"),
        ({}, None),
        ({"speedup": 1.1, "loss_budget": 0.001}, "hard"),
    ],
)
def test_difficulty_is_told_against_what_is_sure_at_the_tasks_budget(
    wanted: dict[str, float], expected: str | None
) -> None:
    assert task_difficulty(STUDY, make_task(**wanted), Rules()) == expected


def test_difficulty_follows_the_shares_given() -> None:
    assert task_difficulty(STUDY, make_task(speedup=2.0), Rules(easy=0.5, hard=0.8)) == "hard"


@pytest.mark.parametrize("model", [None, "tiny", frozenset({"0a1b2c3d", "ffffffff"})])
def test_studies_of_the_device_and_model_asked_for_may_serve(
    model: str | frozenset[str] | None,
) -> None:
    assert Scope(re.compile("a CPU"), model).why_not(STUDY) is None


def test_other_studies_may_not_and_are_offered_by_name() -> None:
    other_device = Scope(re.compile("a CP")).why_not(STUDY)
    other_model = Scope(re.compile("a CPU"), frozenset({"ffffffff"})).why_not(STUDY)
    assert '--device "a CPU"' in str(other_device)
    assert "tiny@0a1b2c3d" in str(other_model)
