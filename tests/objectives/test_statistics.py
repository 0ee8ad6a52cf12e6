from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from objectives.statistics import (
    HOST_TO_HOST,
    RUN_TO_RUN,
    Estimate,
    across_runs,
    geometric_mean,
    latency,
    latency_across_runs,
    mean_loss,
    relative_loss,
    speedup,
)

TABLES = Path(__file__).parents[2] / "benchmarks" / "tables"

seconds = st.floats(0.001, 1000)
pairs = st.lists(st.tuples(seconds, seconds), min_size=1, max_size=8)


@given(pairs=pairs)
def test_speedup_is_the_ratio_of_geometric_mean_latencies(pairs: list[tuple[float, float]]) -> None:
    baseline, accelerated = zip(*pairs, strict=True)
    estimate = speedup(baseline, accelerated)
    assert estimate.value == pytest.approx(geometric_mean(baseline) / geometric_mean(accelerated))
    assert latency(baseline).value == pytest.approx(geometric_mean(baseline))
    assert estimate.low <= estimate.value <= estimate.high


@given(pairs=pairs)
def test_speedup_of_the_swapped_pairs_is_the_inverse(pairs: list[tuple[float, float]]) -> None:
    baseline, accelerated = zip(*pairs, strict=True)
    there, back = speedup(baseline, accelerated), speedup(accelerated, baseline)
    assert there.value == pytest.approx(1 / back.value)
    if math.isfinite(there.high):
        assert there.high == pytest.approx(1 / back.low, rel=1e-6)


def test_one_pair_tells_nothing_of_the_spread() -> None:
    estimate = speedup([2.0], [1.0])
    assert (estimate.value, estimate.low, estimate.high) == (2.0, 0.0, math.inf)


def test_drift_common_to_both_of_a_pair_widens_nothing() -> None:
    drift = np.array([1.0, 1.3, 0.8, 1.1])
    estimate = speedup((2.0 * drift).tolist(), drift.tolist())
    assert (estimate.low, estimate.value, estimate.high) == pytest.approx((2.0, 2.0, 2.0))


@given(pairs=pairs, shift=st.floats(0, 1))
def test_other_runs_widen_an_interval_and_leave_its_value(
    pairs: list[tuple[float, float]], shift: float
) -> None:
    baseline, accelerated = zip(*pairs, strict=True)
    within = speedup(baseline, accelerated)
    across, shifted = across_runs(within, 0.0), across_runs(within, shift)
    assert across.value == shifted.value == within.value
    assert shifted.low <= across.low <= within.low
    assert within.high <= across.high <= shifted.high


def test_pairs_that_agree_exactly_are_as_sure_as_runs_agree() -> None:
    exact = Estimate(2.0, 2.0, 2.0)
    assert across_runs(exact, 0.0).high == pytest.approx(2 * math.exp(1.96 * RUN_TO_RUN), rel=1e-4)
    sd = math.hypot(RUN_TO_RUN, HOST_TO_HOST / 2)
    assert across_runs(exact, 0.5).low == pytest.approx(2 / math.exp(1.96 * sd), rel=1e-4)


def test_an_interval_far_wider_than_runs_differ_stays_as_it_is() -> None:
    wide = Estimate(2.0, 1.0, 4.0)
    assert across_runs(wide, 0.0).high == pytest.approx(4.0, rel=0.01)


def test_a_latency_differs_more_from_run_to_run_than_a_speedup_and_most_where_host_bound() -> None:
    exact = Estimate(2.0, 2.0, 2.0)
    on_gpu, on_host = latency_across_runs(exact, 0.0), latency_across_runs(exact, 1.0)
    assert on_gpu.high == pytest.approx(2 * math.exp(1.96 * 0.05), rel=1e-4)
    assert on_host.low == pytest.approx(2 * math.exp(-1.96 * math.hypot(0.05, 0.25)), rel=1e-4)
    assert on_gpu.value == on_host.value == 2.0
    assert on_gpu.high > across_runs(exact, 0.0).high


def test_known_interval() -> None:
    # Logarithms 0 and ln 4: mean ln 2, standard error ln 2; t at 97.5% with 1 degree is 12.706. Two
    # readings that are alike by 0.7 lie root 0.3 as far apart, and their mean root 1.7 as far off.
    estimate = latency([1.0, 4.0])
    reach = 12.7062 * math.log(2) * math.sqrt(1.7 / 0.3)
    assert estimate.value == pytest.approx(2.0)
    assert estimate.high == pytest.approx(2.0 * math.exp(reach), rel=1e-4)
    assert estimate.low == pytest.approx(2.0 / math.exp(reach), rel=1e-4)


def timed_pairs(
    random: np.random.Generator, count: int, sd: float, carried_over: float
) -> tuple[list[float], list[float]]:
    """Pairs with a speedup of 1.8, each with some of the last one's error."""
    errors = [random.normal(0.0, sd)]
    for _ in range(count - 1):
        fresh = random.normal(0.0, sd * math.sqrt(1 - carried_over**2))
        errors.append(carried_over * errors[-1] + fresh)
    return [1.8 * math.exp(error) for error in errors], [1.0] * count


@pytest.mark.parametrize("carried_over", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_a_speedup_lies_inside_its_interval_however_much_a_pair_carries_over(
    count: int, carried_over: float
) -> None:
    random = np.random.default_rng(7)
    held = 0
    for _ in range(1000):
        estimate = speedup(*timed_pairs(random, count, 0.05, carried_over))
        held += estimate.low <= 1.8 <= estimate.high
    assert held >= 930


def test_pairs_that_carry_over_cost_a_quiet_machine_next_to_nothing() -> None:
    random = np.random.default_rng(7)
    widths = []
    for _ in range(200):
        across = across_runs(speedup(*timed_pairs(random, 5, 0.007, 0.0)), 0.0)
        widths.append(math.log(across.high / across.low) / 2)
    # Of runs alone it is 3.9%.
    assert np.median(widths) < 0.047


@pytest.mark.parametrize("sd", [0.03, 0.05, 0.1])
def test_a_machine_with_noisy_pairs_may_also_differ_from_run_to_run(sd: float) -> None:
    random = np.random.default_rng(7)
    held = 0
    for _ in range(1000):
        run = math.exp(random.normal(0.0, 0.04))
        baseline, accelerated = timed_pairs(random, 5, sd, 0.0)
        across = across_runs(speedup([run * each for each in baseline], accelerated), 0.0)
        held += across.low <= 1.8 <= across.high
    assert held >= 930


@pytest.mark.parametrize("count", [2, 3, 4, 8, 16, 32])
def test_loss_interval_holds_the_true_one_in_95_of_100_cases_from_two_prompts_on(
    count: int,
) -> None:
    random = np.random.default_rng(7)
    held = 0
    for _ in range(1500):
        baseline = random.normal(0.30, 0.04, count)
        accelerated = baseline * 0.97 + random.normal(0.0, 0.01, count)
        estimate = relative_loss(list(baseline), list(accelerated))
        held += estimate.low <= 0.03 <= estimate.high
    assert 0.935 * 1500 <= held


Scores = tuple[NDArray[np.float64], NDArray[np.float64]]


def recorded(points: int = 6) -> Iterator[Scores]:
    """Scores of points of every recorded grid that lose up to 6%, beside their baseline's."""
    random = np.random.default_rng(3)
    for path in sorted(TABLES.glob("*.npz")):
        with np.load(path) as table:
            baseline, scores = table["baseline_scores"] / 1e4, table["scores"] / 1e4
        loses = 1 - scores.mean(axis=1) / baseline.mean()
        among = np.flatnonzero((loses > 0) & (loses < 0.06))
        for row in random.permutation(among)[:points]:
            yield baseline, scores[row]


def with_a_heavier_tail(population: Scores) -> Scores:
    """The tenth of the prompts that loses most, with a generalised Pareto tail (shape 0.3)."""
    baseline, scores = (np.tile(each, 32) for each in population)
    lost = baseline - scores
    start = np.quantile(lost, 0.9)
    in_tail = lost > start
    scale = (lost[in_tail] - start).mean() * 0.7
    random = np.random.default_rng(5)
    beyond = scale / 0.3 * (random.random(int(in_tail.sum())) ** -0.3 - 1)
    lost[in_tail] = start + np.minimum(beyond, 0.8)
    return baseline, baseline - lost


def misses(populations: Iterable[Scores], count: int, samples: int = 60) -> tuple[float, float]:
    """How often the truth lies below and above the interval of `count` prompts."""
    random = np.random.default_rng(7)
    below, above = [], []
    for baseline, scores in populations:
        true = 1 - scores.mean() / baseline.mean()
        for picks in random.integers(len(baseline), size=(samples, count)):
            estimate = relative_loss(baseline[picks].tolist(), scores[picks].tolist())
            below.append(true < estimate.low)
            above.append(true > estimate.high)
    return float(np.mean(below)), float(np.mean(above))


@pytest.mark.parametrize("heavier", [False, True], ids=["recorded", "heavier-tail"])
@pytest.mark.parametrize("count", [16, 32, 64])
def test_recorded_losses_lie_inside_their_interval_for_all_their_rare_large_drops(
    count: int, heavier: bool
) -> None:
    populations = (with_a_heavier_tail(each) if heavier else each for each in recorded())
    below, above = misses(populations, count)
    assert above <= 0.04
    # A point is given up by the low end: that errs no more than it says.
    assert below <= 0.025
    assert 0.93 <= 1 - below - above <= 0.975


def test_the_most_that_may_be_lost_lies_farther_off_than_the_least() -> None:
    scores = np.random.default_rng(0).normal(0.29, 0.02, 32)
    loss = relative_loss([0.3] * 32, scores.tolist())
    assert 1.5 < (loss.high - loss.value) / (loss.value - loss.low) < 2.5


def test_what_no_prompt_lost_is_no_loss_at_all() -> None:
    same = [0.3, 0.31, 0.25, 0.28]
    assert relative_loss(same, same) == Estimate(0.0, 0.0, 0.0)


def test_a_loss_interval_has_no_unit() -> None:
    losses = [0.0, 0.1, 0.05, 0.4]
    one, other = mean_loss(losses), mean_loss([100 * loss for loss in losses])
    assert other.low == pytest.approx(100 * one.low)
    assert other.high == pytest.approx(100 * one.high)


def test_many_prompts_leave_nothing_to_the_unseen() -> None:
    losses = np.random.default_rng(0).normal(0.02, 0.05, 10_000)
    loss = mean_loss(losses.tolist())
    assert loss.high - loss.value == pytest.approx(1.96 * 0.05 / 100, rel=0.4)
    assert loss.high - loss.value == pytest.approx(loss.value - loss.low, rel=0.4)


def test_a_surer_loss_interval_is_wider() -> None:
    scores = [0.3, 0.31, 0.25, 0.28], [0.29, 0.31, 0.2, 0.28]
    usual, surer = relative_loss(*scores), relative_loss(*scores, confidence=0.99)
    assert surer.value == usual.value
    assert surer.low < usual.low < usual.high < surer.high


def test_one_prompt_tells_nothing_of_the_loss() -> None:
    loss = relative_loss([0.3], [0.2])
    assert loss.value == pytest.approx(1 / 3)
    assert (loss.low, loss.high) == (-math.inf, math.inf)


def test_loss_interval_comes_from_pairs() -> None:
    # Prompts differ far more than the loss; unpaired, the interval would be as wide as they do.
    baseline = np.linspace(0.1, 0.5, 16)
    estimate = relative_loss(list(baseline), list(baseline * 0.98))
    assert estimate.value == pytest.approx(0.02)
    assert estimate.high - estimate.low < 1e-9


scores = st.floats(0.05, 0.5)


@given(pairs=st.lists(st.tuples(scores, scores), min_size=2, max_size=32))
def test_loss_interval_contains_the_loss_whatever_the_scores(
    pairs: list[tuple[float, float]],
) -> None:
    baseline, accelerated = zip(*pairs, strict=True)
    estimate = relative_loss(baseline, accelerated)
    assert estimate.value == pytest.approx(1 - sum(accelerated) / sum(baseline))
    assert -math.inf < estimate.low <= estimate.value <= estimate.high < math.inf


def test_gain_is_a_negative_loss_and_is_not_clipped() -> None:
    estimate = relative_loss([0.2, 0.3, 0.25, 0.22], [0.4, 0.6, 0.5, 0.44])
    assert estimate.value == pytest.approx(-1.0)
    assert estimate.low <= estimate.value <= estimate.high < 0
