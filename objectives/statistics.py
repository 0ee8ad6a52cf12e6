"""Estimates with 95% intervals, for speedup and for losses of quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, hypot, inf, log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95

UNSEEN = 6.0
"""The high end of a loss allows for one more prompt, so many standard deviations beyond the mean.
Among 644 recorded points that lose up to 6%, the worst of 64 prompts lies nearer for 9 in 10
(benchmarks/tables). With 4 the high end is still missed too often; 8 widens it for little
(benchmarks/results/loss-intervals.md)."""

CARRIED_OVER = 0.7
"""How much of a pair's timing error carries over from the last, as a correlation of neighbours.

Three to five pairs cannot show it themselves. In the A/A checks of two machines it was 0 to 0.2
(benchmarks/results/measurement-*.json); this value suits machines that others also use. With it
93% of second speedups lie inside the interval of the first pairs; with 0 it was 75%
(benchmarks/results/repeat-nvidia-*.md). Quiet pairs scatter so little compared with `RUN_TO_RUN`
that it costs them next to nothing.
"""

RUN_TO_RUN = 0.02
"""Standard deviation of a speedup's logarithm from one run to the next, on another machine of the
same kind, beyond the variation within a run."""

HOST_TO_HOST = 0.2
"""The addition to it for a point whose host-bound share rises from 0 to 1: hosts differ more
than GPUs do. Both were chosen on 91 pairs of runs of four pipelines on H100s; 99% of the second
speedups then lie inside the first interval, 93% without (benchmarks/results/repeat-*.md)."""

LATENCY_RUN_TO_RUN, LATENCY_HOST_TO_HOST = 0.05, 0.25
"""The same for a latency's logarithm. Differences between two machines do not cancel in it as they
do in a ratio of neighbours. Chosen on the same 91 pairs of runs: 96% of the second latencies then
lie inside the first interval, and 57% inside that of independent readings alone
(benchmarks/results/full-size-*-nvidia-h100-*.json)."""


@dataclass(frozen=True)
class Estimate:
    """A value and the interval that holds the true one in 95 of 100 cases."""

    value: float
    low: float
    high: float


def speedup(baseline_s: Sequence[float], accelerated_s: Sequence[float]) -> Estimate:
    """Estimate the speedup from pairs of latencies taken side by side.

    The value is the geometric mean of the pairs' ratios, so it equals the ratio of the two
    geometric mean latencies. The interval is Student's t on their logarithms, as ratios of times
    spread evenly up and down on that scale. Pairs in a row have similar errors (`CARRIED_OVER`):
    they lie closer to each other than to the truth, and count for fewer pairs than they are.

    Args:
        baseline_s: Latencies of the baseline, in seconds, at least one.
        accelerated_s: Latencies of the accelerated neighbours, in seconds, in the same order.

    Returns:
        The speedup; from one pair alone the interval is (0, infinity).
    """
    return _geometric(_log_ratios(baseline_s, accelerated_s))


def across_runs(within: Estimate, host_bound_shift: float) -> Estimate:
    """Widen the interval of a speedup so that it holds for other runs too.

    Pairs only show the variation within one run. Between runs there is more, and most if the
    accelerated pipeline waits for its host and the baseline does not: a faster host then speeds up
    only one of the two.

    Args:
        within: The speedup as `speedup` estimates it.
        host_bound_shift: Difference of the host-bound share between the
            baseline and the point, 0 to 1.

    Returns:
        The same value; the interval's half-width on the scale of logarithms is the root of the sum
        of both squares.
    """
    return _widened(within, hypot(RUN_TO_RUN, HOST_TO_HOST * host_bound_shift))


def latency_across_runs(within: Estimate, host_share: float) -> Estimate:
    """Widen the interval of a latency so that it holds for other runs too, like `across_runs`.

    Args:
        within: The latency as `latency` estimates it.
        host_share: The host-bound share, 0 to 1.
    """
    return _widened(within, hypot(LATENCY_RUN_TO_RUN, LATENCY_HOST_TO_HOST * host_share))


@dataclass(frozen=True)
class Spread:
    """How far the pairs of one trial scatter, pooled over trials.

    Attributes:
        squares: Sum of the squared distances of log ratios from their trial's mean, corrected for
            how near pairs in a row lie to it.
        degrees: Its degrees of freedom: pairs minus trials.
    """

    squares: float = 0.0
    degrees: int = 0

    @classmethod
    def of(cls, baseline_s: Sequence[float], accelerated_s: Sequence[float]) -> Spread:
        """The spread of one trial's pairs, given as in `speedup`."""
        return cls.of_logs(_log_ratios(baseline_s, accelerated_s))

    @classmethod
    def of_logs(cls, logs: NDArray[np.float64]) -> Spread:
        """The spread of logarithms of one trial."""
        squares = float(((logs - logs.mean()) ** 2).sum())
        return cls(squares / (1 - _alike(len(logs))), len(logs) - 1)

    @property
    def variance(self) -> float:
        """The variance of one log ratio; 0 if unknown."""
        return self.squares / self.degrees if self.degrees else 0.0

    def __add__(self, other: Spread) -> Spread:
        return Spread(self.squares + other.squares, self.degrees + other.degrees)


def early_speedup(
    baseline_s: Sequence[float], accelerated_s: Sequence[float], usual: Spread, confidence: float
) -> Estimate:
    """Estimate the speedup from one or two pairs and the scatter in other trials.

    With only two pairs Student's t is thirteen standard deviations wide. Pairs scatter alike
    whatever the point, as the machine causes the variation: so their variance is pooled.

    Args:
        baseline_s: As in `speedup`.
        accelerated_s: As in `speedup`.
        usual: The spread of other trials on this device, under this protocol.
        confidence: The confidence of the interval, in (0, 1).

    Returns:
        The speedup; without any degree of freedom the interval is (0, infinity).
    """
    spread = Spread.of(baseline_s, accelerated_s) + usual
    return _interval(_log_ratios(baseline_s, accelerated_s), spread, confidence)


def latency(seconds: Sequence[float]) -> Estimate:
    """Estimate a latency from repeated readings, as `speedup` does a ratio.

    Args:
        seconds: At least one reading.
    """
    return _geometric(np.log(np.asarray(seconds)))


def relative_loss(
    baseline: Sequence[float], accelerated: Sequence[float], confidence: float = CONFIDENCE
) -> Estimate:
    """Estimate the relative loss of a mean score from paired scores.

    Most prompts lose next to nothing and a few lose much. A sample misses those few, and the more
    it misses the surer it looks: its own skewness says least where it matters most. So the high end
    is that of Student's t with one more prompt, which lost far more than any (`UNSEEN`): about one
    prompt in as many as were seen may be like that. The low end is plain Student's t.
    `benchmarks/intervals/loss_intervals.py` compares this with other intervals.

    Args:
        baseline: Score per prompt of the baseline, at least one.
        accelerated: Score per prompt, same prompts, same seeds, same order.
        confidence: The confidence of the interval, in (0, 1).

    Returns:
        (mean baseline - mean accelerated) / mean baseline; negative is a gain. For one prompt the
        interval is (-infinity, infinity).
    """
    base, fast = np.asarray(baseline), np.asarray(accelerated)
    value = float(1 - fast.mean() / base.mean())
    # Each prompt's contribution to the loss, a ratio of means, to first order.
    parts = ((1 - value) * base - fast) / base.mean()
    return _over_prompts(value, parts, confidence)


def mean_loss(losses: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Estimate a mean loss from the loss of each picture against its own baseline picture.

    Args:
        losses: One per prompt, at least one.
        confidence: The confidence of the interval, in (0, 1).

    Returns:
        The mean, with an interval as in `relative_loss`.
    """
    parts = np.asarray(losses)
    return _over_prompts(float(parts.mean()), parts, confidence)


def _over_prompts(value: float, parts: NDArray[np.float64], confidence: float) -> Estimate:
    """A loss with its interval, from each prompt's contribution."""
    if len(parts) < 2:
        return Estimate(value, -inf, inf)
    unseen = UNSEEN * float(parts.std(ddof=1))
    with_unseen = np.append(parts, parts.mean() + unseen)
    raised = unseen / len(with_unseen)
    return Estimate(
        value,
        value - _reach(parts, confidence),
        value + raised + _reach(with_unseen, confidence),
    )


def _reach(values: NDArray[np.float64], confidence: float) -> float:
    """How far Student's t interval of the mean reaches to either side."""
    count = len(values)
    return _student_quantile(confidence, count - 1) * float(values.std(ddof=1)) / sqrt(count)


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive values."""
    return float(np.exp(np.mean(np.log(values))))


def _widened(within: Estimate, sd: float) -> Estimate:
    """The same value; a normal spread of the logarithm is added in squares to the interval."""
    between = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * sd
    below = log(within.value / within.low) if within.low else inf
    above = log(within.high / within.value)
    return Estimate(
        within.value,
        within.value * exp(-hypot(below, between)),
        within.value * exp(hypot(above, between)) if above < inf else inf,
    )


def _log_ratios(baseline_s: Sequence[float], accelerated_s: Sequence[float]) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = np.log(np.asarray(baseline_s) / np.asarray(accelerated_s))
    return logs


def _geometric(logs: NDArray[np.float64]) -> Estimate:
    """The geometric mean of values given by their logarithms, with Student's t interval."""
    return _interval(logs, Spread.of_logs(logs), CONFIDENCE)


def _interval(logs: NDArray[np.float64], spread: Spread, confidence: float) -> Estimate:
    """The geometric mean, with Student's t interval of a given spread."""
    value = float(np.exp(logs.mean()))
    if not spread.degrees:
        return Estimate(value, 0.0, float("inf"))
    quantile = _student_quantile(confidence, spread.degrees)
    worth = len(logs) / (1 + (len(logs) - 1) * _alike(len(logs)))
    deviation = sqrt(spread.variance / worth)
    factor = exp(quantile * deviation)
    return Estimate(value, value / factor, value * factor)


@cache
def _alike(count: int) -> float:
    """The mean correlation of two of this many pairs in a row, each carried over from the last."""
    apart = range(1, count)
    total = sum((count - steps) * CARRIED_OVER**steps for steps in apart)
    return 2 * total / (count * (count - 1)) if count > 1 else 0.0


@cache
def _student_quantile(confidence: float, degrees: int) -> float:
    """How many standard deviations an interval of Student's t reaches to either side."""
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, df=degrees))
