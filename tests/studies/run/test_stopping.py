"""When a search has done enough, and when a point is given up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.measurement import Partial
from objectives.statistics import Estimate, Spread, early_speedup, mean_loss, relative_loss
from storage.records.budgets import Budgets
from storage.records.front import is_dominated, pareto_front
from storage.records.requirement import Requirement, meets
from storage.records.trial import Trial
from studies.run.stopping import (
    ERROR,
    PLATEAU_POINTS,
    Deadline,
    Plateau,
    Screen,
    checks,
    confidence,
    early_estimates,
    is_hopeless,
    usual_spread,
)
from tests.made_records import made_point


def make_trial(**measured: Any) -> Trial:
    intervals = {
        "speedup_ci": (1.9, 2.1), "latency_ci_s": (0.4, 0.6), "clip_loss_ci": (-0.01, 0.015),
    }  # fmt: skip
    return made_point(0, speedup=2.0, clip_loss=0.005, **{**intervals, **measured})


@pytest.mark.parametrize(
    ("requirement", "met"),
    [
        (Requirement(), False),
        (Requirement(speedup=1.8), True),
        (Requirement(speedup=2.0), False),
        (Requirement(latency_s=0.7), True),
        (Requirement(latency_s=0.5), False),
        (Requirement(speedup=1.8, latency_s=0.5), False),
    ],
)
def test_a_requirement_is_met_by_the_interval(requirement: Requirement, met: bool) -> None:
    assert meets(make_trial(), requirement, budgets=Budgets(0.02)) is met


def test_a_latency_without_an_interval_promises_nothing() -> None:
    alone = make_trial(latency_ci_s=None)
    assert not meets(alone, Requirement(latency_s=9.0), Budgets(0.02))
    assert meets(alone, Requirement(speedup=1.8), Budgets(0.02))


def test_the_whole_loss_interval_must_keep_the_budget() -> None:
    requirement = Requirement(speedup=1.5)
    assert meets(make_trial(), requirement, Budgets(0.015))
    assert not meets(make_trial(), requirement, Budgets(0.01))


def test_a_plateau_is_reached_after_points_without_gain_in_this_run() -> None:
    def trials(count: int, speedup: float = 2.0) -> list[Trial]:
        return [made_point(number, speedup=speedup, clip_loss=0.0) for number in range(count)]

    plateau = Plateau(Budgets(0.02))
    assert not plateau.reached(trials(50))
    assert not plateau.reached(trials(50 + PLATEAU_POINTS - 1))
    assert not plateau.reached(trials(50 + PLATEAU_POINTS, speedup=3.0))
    assert not plateau.reached(trials(50 + 2 * PLATEAU_POINTS - 1, speedup=3.0))
    assert plateau.reached(trials(50 + 2 * PLATEAU_POINTS, speedup=3.0))


def test_a_deadline_passes_and_none_never_does() -> None:
    assert Deadline(timeout_s=1e-9).passed()
    assert not Deadline(timeout_s=60).passed()
    assert not Deadline(timeout_s=None).passed()


def made(speedup: float, loss: float, slower: float = 0.0, worse: float = 0.0) -> Trial:
    """A point that may be so much slower, and lose so much more, than was measured."""
    ends: dict[str, Any] = {
        "speedup_ci": [speedup - slower, speedup],
        "clip_loss_ci": [loss, loss + worse],
    }
    return make_trial(**ends).model_copy(update={"speedup": speedup, "loss": loss})


POINTS = st.lists(st.builds(made, st.floats(1, 4), st.floats(-0.05, 0.3)), min_size=0, max_size=8)


@given(POINTS, st.floats(1, 4), st.floats(-0.05, 0.3), st.floats(0, 0.1))
def test_no_point_that_is_on_the_front_inside_the_budget_is_hopeless(
    points: list[Trial], speedup: float, loss: float, budget: float
) -> None:
    front = pareto_front(points)
    exact = Estimate(speedup, speedup, speedup), Estimate(loss, loss, loss)
    if is_hopeless(*exact, front, budget):
        assert loss > budget or is_dominated(speedup, loss, front, budget)


@given(POINTS, st.floats(1, 4), st.floats(-0.05, 0.3), st.floats(0, 1), st.floats(0, 0.2))
def test_a_wider_interval_never_drops_what_a_narrower_one_keeps(
    points: list[Trial], speedup: float, loss: float, faster: float, better: float
) -> None:
    front = pareto_front(points)
    narrow = Estimate(speedup, speedup, speedup), Estimate(loss, loss, loss)
    wide = Estimate(speedup, 0, speedup + faster), Estimate(loss, loss - better, 1)
    if not is_hopeless(*narrow, front, 0.02):
        assert not is_hopeless(*wide, front, 0.02)


@pytest.mark.parametrize(
    ("speedup_high", "loss_low", "hopeless"),
    [
        pytest.param(1.9, 0.01, True, id="dominated"),
        pytest.param(2.1, 0.01, False, id="perhaps-faster"),
        pytest.param(1.9, 0.004, False, id="perhaps-better"),
        pytest.param(4.0, 0.03, True, id="fast-and-surely-beyond-the-budget"),
        pytest.param(4.0, 0.015, False, id="fast-and-perhaps-inside-the-budget"),
    ],
)
def test_the_optimistic_ends_decide(speedup_high: float, loss_low: float, hopeless: bool) -> None:
    speedup, loss = Estimate(1.5, 1.0, speedup_high), Estimate(0.05, loss_low, 0.1)
    assert is_hopeless(speedup, loss, [made(2.0, 0.005)], loss_budget=0.02) is hopeless


def test_a_slower_point_is_not_kept_for_a_gain() -> None:
    slower = Estimate(1.5, 1.4, 1.6), Estimate(-0.02, -0.03, -0.01)
    assert is_hopeless(*slower, [made(2.0, -0.001)], loss_budget=0.02)
    assert not is_hopeless(*slower, [made(2.0, 0.001)], loss_budget=0.02)
    assert not is_hopeless(*slower, [made(2.0, -0.001)], loss_budget=-0.01)


@pytest.mark.parametrize(
    ("rival", "hopeless"),
    [
        pytest.param(made(2.0, 0.005, slower=0.1, worse=0.005), True, id="beats-it-though-doubted"),
        pytest.param(made(2.0, 0.005, slower=0.6, worse=0.005), False, id="may-be-slower"),
        pytest.param(made(2.0, 0.005, slower=0.1, worse=0.015), False, id="may-lose-more"),
        pytest.param(made(2.0, -0.01, slower=0.1, worse=0.025), True, id="gains-or-loses-little"),
        pytest.param(made(2.0, -0.01, slower=0.1, worse=0.05), False, id="gains-by-chance"),
        pytest.param(made(2.0, 0.0, slower=2.0, worse=0.0), False, id="timed-once"),
    ],
)
def test_a_rival_must_beat_a_point_even_if_it_was_measured_luckily(
    rival: Trial, hopeless: bool
) -> None:
    few_prompts = Estimate(1.7, 1.6, 1.8), Estimate(0.03, 0.01, 0.05)
    assert is_hopeless(*few_prompts, [rival], loss_budget=0.02) is hopeless


def test_where_nothing_keeps_the_budget_a_smaller_loss_is_worth_prompts() -> None:
    front = [made(3.0, 0.2)]
    slow = Estimate(1.2, 1.1, 1.3)
    assert not is_hopeless(slow, Estimate(0.1, 0.05, 0.15), front, loss_budget=0.02)
    assert is_hopeless(Estimate(4, 3, 5), Estimate(0.3, 0.25, 0.4), front, loss_budget=0.02)
    assert not is_hopeless(Estimate(4, 3, 5), Estimate(0.3, 0.25, 0.4), [], loss_budget=0.02)


def test_checks_double_their_prompts_and_share_one_chance_of_error() -> None:
    assert checks(1) == checks(2) == []
    assert checks(4) == [2]
    assert checks(8) == [2, 4]
    assert checks(9) == [2, 4, 8]
    for batches in range(3, 200):
        for conditions in range(3):
            share = (1 - confidence(batches, conditions)) * len(checks(batches))
            # Of the speedup, of the loss and of each condition one side of an interval may err.
            assert share / 2 * (2 + conditions) == pytest.approx(ERROR)


def made_trial(number: int, speedup: float, loss: float, pairs: int = 4) -> Trial:
    noise = np.random.default_rng(number).normal(0, 0.01, pairs)
    latencies = [float(latency) for latency in np.exp(noise) / speedup]
    figures: dict[str, Any] = {
        "baseline_latencies_s": [1.0] * pairs,
        "latencies_s": latencies,
        "clip_loss_ci": [loss - 0.002, loss + 0.002],
    }
    return made_point(number, {}, speedup, loss, **figures)


def make_partial(
    speedup: float, loss: float, batches: int, of_batches: int, peak_mib: float | None = None
) -> Partial:
    """Four prompts a batch; the first one is not timed. The loss of SSIM is about 0.2."""
    prompts = 4 * batches
    baseline = np.random.default_rng(0).uniform(0.2, 0.3, prompts)
    wobble = np.random.default_rng(1).normal(0, 0.002, prompts)
    scores = list(baseline * (1 - loss) + wobble - wobble.mean())
    pairs = batches - 1

    def lost(name: str, sure: float) -> Estimate | None:
        if name == "ssim":
            return mean_loss(list(0.2 + wobble), sure)
        return relative_loss(list(baseline), scores, sure) if name == "clip_loss" else None

    return Partial([1.0 / speedup] * pairs, [1.0] * pairs, lost, peak_mib, batches, of_batches)


def test_one_pair_is_enough_to_drop_a_point_far_behind_the_front() -> None:
    trials = [made_trial(number, 2.0, 0.0) for number in range(4)]
    screen = Screen(trials, trials[:1], Budgets(0.02))
    dropped = screen(make_partial(1.5, 0.01, batches=2, of_batches=8))
    assert dropped is not None
    speedup, loss = dropped.speedup, dropped.losses["clip_loss"]
    assert 1.4 < speedup.low < 1.5 < speedup.high < 1.6
    assert 0.0 < loss.low < 0.01 < loss.high
    assert screen(make_partial(2.01, 0.01, batches=2, of_batches=8)) is None
    assert screen(make_partial(1.5, 0.01, batches=3, of_batches=8)) is None, "no check is due"
    assert Screen([], [], Budgets(0.02))(make_partial(1.5, 0.5, 2, 8)) is None


def test_no_pair_says_how_far_pairs_scatter_before_any_trial() -> None:
    partial = make_partial(1.5, 0.01, batches=2, of_batches=8)
    speedup = early_estimates(partial, usual_spread([]), 0.95, []).speedup
    assert (speedup.low, speedup.high) == (0, float("inf"))


@pytest.mark.parametrize(
    ("conditions", "peak_mib", "given_up"),
    [
        ({"ssim": 0.1}, None, True),
        ({"ssim": 0.2}, None, False),
        ({"ssim": 0.3}, None, False),
        ({"memory_mib": 1000.0}, 1001.0, True),
        ({"memory_mib": 1000.0}, 1000.0, False),
        ({"memory_mib": 1000.0}, None, False),
        ({"attributes": 0.0}, None, False),
    ],
)
def test_a_point_is_given_up_once_it_surely_breaks_any_budget(
    conditions: dict[str, float], peak_mib: float | None, given_up: bool
) -> None:
    trials = [made_trial(number, 2.0, 0.0) for number in range(4)]
    partial = make_partial(3.0, 0.0, batches=2, of_batches=8, peak_mib=peak_mib)
    budgets = Budgets(0.02, conditions)
    found = Screen(trials, trials[:1], budgets)(partial)
    assert (found is not None) is given_up
    assert Screen(trials, [], budgets)(partial) is None, "no point keeps them yet"


def test_screening_goes_by_the_loss_of_the_study() -> None:
    figures = {"ssim": {"value": 0.99, "loss": 0.01, "loss_ci": [0.005, 0.015], "samples": 16}}
    made_so = made_point(0, {}, 2.0, 0.3, metrics=figures)
    good = made_so.model_copy(update={"loss": 0.01, "loss_name": "ssim"})
    budgets = Budgets(0.1, loss="ssim")
    # The point is faster, its CLIP loss is that of the front, and its SSIM is far beyond.
    partial = make_partial(3.0, 0.3, batches=2, of_batches=8)
    found = Screen([good], [good], budgets)(partial)
    assert found is not None
    assert found.losses.keys() == {"ssim"}
    assert Screen([good], [good], Budgets(0.3, loss="ssim"))(partial) is None


@pytest.mark.parametrize("carried_over", [0.0, 0.7])
def test_early_intervals_hold_the_truth_as_often_as_they_say(carried_over: float) -> None:
    random = np.random.default_rng(7)
    distance = np.abs(np.subtract.outer(range(4), range(4)))
    alike = np.linalg.cholesky(carried_over**distance)
    inside = {"speedup": 0, "loss": 0}
    for _ in range(800):
        # A fresh spread each time, as it is an estimate too.
        usual = sum(
            (
                Spread.of(np.exp(alike @ random.normal(0, 0.05, 4)).tolist(), [1.0] * 4)
                for _ in range(4)
            ),
            start=Spread(),
        )
        ratio = np.exp(random.normal(np.log(2), 0.05, 1)).tolist()
        speedup = early_speedup(ratio, [1.0], usual, 0.95)
        inside["speedup"] += speedup.low <= 2 <= speedup.high
        base = random.normal(0.25, 0.02, 8)
        loss = relative_loss(
            base.tolist(), (base * 0.95 + random.normal(0, 0.01, 8)).tolist(), 0.95
        )
        inside["loss"] += loss.low <= 0.05 <= loss.high
    assert all(count >= 0.93 * 800 for count in inside.values()), inside
    assert carried_over == 0 or inside["speedup"] <= 0.97 * 800
