"""Estimates with 95% intervals, for speedup and for CLIP loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, hypot, inf, log
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 4000
"""Enough that the ends of the interval move by less than a tenth of its width between seeds."""


RUN_TO_RUN = 0.02
"""Standard deviation of a speedup's logarithm from one run to the next, on another machine of the
same kind, beyond what varies within a run."""

HOST_TO_HOST = 0.2
"""What a point adds to that whose pace shifts wholly from the GPU to the host: hosts differ more
than GPUs do. Both were chosen on 91 pairs of runs of four pipelines on H100s; 98% of the second
speedups then lie inside the first interval, 75% without (benchmarks/results/repeat-*.md)."""


@dataclass(frozen=True)
class Estimate:
    """A value and the interval that holds the true one in 95 of 100 cases."""

    value: float
    low: float
    high: float


def speedup(baseline_s: Sequence[float], accelerated_s: Sequence[float]) -> Estimate:
    """Estimate the speedup from pairs of latencies taken side by side.

    The value is the geometric mean of the pairs' ratios, so it equals the ratio of the two
    geometric mean latencies; the interval is Student's t on their logarithms, as ratios of times
    spread evenly up and down on that scale.

    Args:
        baseline_s: Latencies of the baseline, in seconds, at least one.
        accelerated_s: Latencies of the accelerated neighbours, in seconds, in the same order.

    Returns:
        The speedup; from one pair alone the interval is (0, infinity).
    """
    return _geometric(_log_ratios(baseline_s, accelerated_s))


def across_runs(within: Estimate, pace_shift: float) -> Estimate:
    """Widen the interval of a speedup so that it holds for other runs too.

    Pairs tell only what varies within one run. From run to run more does, and most where the
    accelerated pipeline waits for its host and the baseline does not: a faster host then speeds up
    one of the two.

    Args:
        within: The speedup as `speedup` estimates it.
        pace_shift: By how much the share of time in which the GPU sets the pace differs between the
            baseline and the point, 0 to 1.

    Returns:
        The same value; the interval's half-width on the scale of logarithms is the root of the sum
        of both squares.
    """
    sd = hypot(RUN_TO_RUN, HOST_TO_HOST * pace_shift)
    between = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * sd
    below = log(within.value / within.low) if within.low else inf
    above = log(within.high / within.value)
    return Estimate(
        within.value,
        within.value * exp(-hypot(below, between)),
        within.value * exp(hypot(above, between)) if above < inf else inf,
    )


@dataclass(frozen=True)
class Spread:
    """How far pairs of one trial scatter, pooled over trials.

    Attributes:
        squares: Sum of the squared distances of log ratios from their trial's mean.
        degrees: Degrees of freedom in it: pairs less trials.
    """

    squares: float = 0.0
    degrees: int = 0

    @classmethod
    def of(cls, baseline_s: Sequence[float], accelerated_s: Sequence[float]) -> Spread:
        """The spread of one trial's pairs, given as `speedup` takes them."""
        logs = _log_ratios(baseline_s, accelerated_s)
        return cls(float(((logs - logs.mean()) ** 2).sum()), len(logs) - 1)

    def __add__(self, other: Spread) -> Spread:
        return Spread(self.squares + other.squares, self.degrees + other.degrees)


def early_speedup(
    baseline_s: Sequence[float], accelerated_s: Sequence[float], usual: Spread, confidence: float
) -> Estimate:
    """Estimate the speedup from a pair or two, with what other trials say of the scatter.

    From two pairs alone Student's t is thirteen standard deviations wide. Pairs scatter alike
    whatever the point, as it is the machine that varies: so their variance is pooled.

    Args:
        baseline_s: As `speedup` takes it.
        accelerated_s: As `speedup` takes it.
        usual: The spread of other trials on this device, under this protocol.
        confidence: How sure the interval is to be, in (0, 1).

    Returns:
        The speedup; where there is no degree of freedom at all the interval is (0, infinity).
    """
    spread = Spread.of(baseline_s, accelerated_s) + usual
    return _interval(_log_ratios(baseline_s, accelerated_s), spread, confidence)


def early_clip_loss(
    baseline: Sequence[float], accelerated: Sequence[float], confidence: float
) -> Estimate:
    """Estimate the relative loss from few prompts, with Student's t.

    A bootstrap of few prompts is too sure of itself: it never looks past the ones it has.

    Args:
        baseline: As `clip_loss` takes it.
        accelerated: As `clip_loss` takes it.
        confidence: How sure the interval is to be, in (0, 1).

    Returns:
        As `clip_loss`; from one prompt the interval is (-infinity, infinity).
    """
    base, fast = np.asarray(baseline), np.asarray(accelerated)
    value = float(_relative_loss(base, fast))
    if len(base) < 2:
        return Estimate(value, float("-inf"), float("inf"))
    # Of a ratio of means, to first order.
    residuals = fast - (1 - value) * base
    error = residuals.std(ddof=1) / (np.sqrt(len(base)) * base.mean())
    half = float(_student_quantile(confidence, len(base) - 1) * error)
    return Estimate(value, value - half, value + half)


def latency(seconds: Sequence[float]) -> Estimate:
    """Estimate a latency from repeated readings, as `speedup` does a ratio.

    Args:
        seconds: At least one reading.
    """
    return _geometric(np.log(np.asarray(seconds)))


def clip_loss(baseline: Sequence[float], accelerated: Sequence[float], seed: int = 0) -> Estimate:
    """Estimate the relative loss of the mean CLIP score, with a paired bootstrap over prompts.

    Args:
        baseline: CLIP score per prompt of the baseline.
        accelerated: CLIP score per prompt, same prompts, same seeds, same order.
        seed: Of the resampling.

    Returns:
        (mean baseline - mean accelerated) / mean baseline; negative is a gain.
    """
    base, fast = np.asarray(baseline), np.asarray(accelerated)
    value = _relative_loss(base, fast)
    picks = np.random.default_rng(seed).integers(len(base), size=(RESAMPLES, len(base)))
    losses = _relative_loss(base[picks], fast[picks])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(losses, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive values."""
    return float(np.exp(np.mean(np.log(values))))


def _log_ratios(baseline_s: Sequence[float], accelerated_s: Sequence[float]) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = np.log(np.asarray(baseline_s) / np.asarray(accelerated_s))
    return logs


def _geometric(logs: NDArray[np.float64]) -> Estimate:
    """The geometric mean of values given by their logarithms, with Student's t interval."""
    own = Spread(float(((logs - logs.mean()) ** 2).sum()), len(logs) - 1)
    return _interval(logs, own, CONFIDENCE)


def _interval(logs: NDArray[np.float64], spread: Spread, confidence: float) -> Estimate:
    """The geometric mean, with Student's t interval of a given spread."""
    value = float(np.exp(logs.mean()))
    if not spread.degrees:
        return Estimate(value, 0.0, float("inf"))
    quantile = _student_quantile(confidence, spread.degrees)
    deviation = np.sqrt(spread.squares / spread.degrees / len(logs))
    factor = float(np.exp(quantile * deviation))
    return Estimate(value, value / factor, value * factor)


@cache
def _student_quantile(confidence: float, degrees: int) -> float:
    """How many standard deviations an interval of Student's t reaches to either side."""
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, df=degrees))


def _relative_loss(base: NDArray[np.float64], fast: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative loss of the mean over the last axis."""
    mean = base.mean(axis=-1)
    loss: NDArray[np.float64] = (mean - fast.mean(axis=-1)) / mean
    return loss
