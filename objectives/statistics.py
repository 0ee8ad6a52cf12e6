"""Estimates with 95% intervals, for speedup and for CLIP loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 4000
"""Enough that the ends of the interval move by less than a tenth of its width between seeds."""


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
    return _geometric(np.log(np.asarray(baseline_s) / np.asarray(accelerated_s)))


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


def _geometric(logs: NDArray[np.float64]) -> Estimate:
    """The geometric mean of values given by their logarithms, with Student's t interval."""
    from scipy.stats import t

    value = float(np.exp(logs.mean()))
    if len(logs) < 2:
        return Estimate(value, 0.0, float("inf"))
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, df=len(logs) - 1))
    factor = float(np.exp(quantile * logs.std(ddof=1) / np.sqrt(len(logs))))
    return Estimate(value, value / factor, value * factor)


def _relative_loss(base: NDArray[np.float64], fast: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative loss of the mean over the last axis."""
    mean = base.mean(axis=-1)
    loss: NDArray[np.float64] = (mean - fast.mean(axis=-1)) / mean
    return loss
