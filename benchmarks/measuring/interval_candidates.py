"""Intervals at 95% of a relative loss of paired scores that accelfront does not use, to compare.

Each takes many samples at once, baseline and accelerated scores of shape (samples, prompts), and
returns the low and the high ends, each of shape (samples,).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

Array = NDArray[np.floating[Any]]
Ends = tuple[Array, Array]
Interval = Callable[[Array, Array, np.random.Generator], Ends]

RESAMPLES = 1000

LEVELS = (0.025, 0.975)


def percentile(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """The paired percentile bootstrap, what accelfront used."""
    low, high = np.quantile(_resampled(base, fast, random), LEVELS, axis=1)
    return low, high


def student(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """Student's t on what each prompt adds to the loss."""
    value, error, _ = _moments(base, fast)
    half = _quantile(base) * error
    return value - half, value + half


def wider(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """On each side the farther end of Student's t and the percentile bootstrap."""
    return _farther(student(base, fast, random), percentile(base, fast, random))


def log_student(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """Student's t on the logarithm of the ratio of the means."""
    value, error, _ = _moments(base, fast)
    factor = np.exp(_quantile(base) * error / (1 - value))
    return 1 - (1 - value) * factor, 1 - (1 - value) / factor


def johnson(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """Johnson's t, moved by the skewness (J. Am. Stat. Assoc. 73, 1978, 536-544)."""
    value, error, skew = _moments(base, fast)
    half = _quantile(base) * error
    centre = value + skew * error / (6 * np.sqrt(base.shape[1]))
    return centre - half, centre + half


def hall(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """Hall's transformation alone, as `objectives.statistics.clip_loss` names it."""
    value, error, skew = _moments(base, fast)
    slope = skew / np.sqrt(base.shape[1])
    slope = np.where(np.abs(slope) < 1e-6, 1e-6, slope)

    def plain(quantile: float) -> Array:
        statistic: Array = 3 * (np.cbrt(1 + slope * (quantile - slope / 6)) - 1) / slope
        return statistic

    reach = _quantile(base)
    return value - error * plain(reach), value - error * plain(-reach)


def bca(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """Efron's BCa bootstrap (J. Am. Stat. Assoc. 82, 1987, 171-185)."""
    losses = np.sort(_resampled(base, fast, random), axis=1)
    value = _moments(base, fast)[0]
    share = (losses < value[:, None]).mean(axis=1)
    bias = norm.ppf(np.clip(share, 1 / RESAMPLES, 1 - 1 / RESAMPLES))
    base_sum, fast_sum = base.sum(axis=1, keepdims=True), fast.sum(axis=1, keepdims=True)
    without = 1 - (fast_sum - fast) / (base_sum - base)
    lever = without.mean(axis=1, keepdims=True) - without
    scale = 6 * (lever**2).sum(axis=1) ** 1.5
    acceleration = np.divide(
        (lever**3).sum(axis=1), scale, where=scale > 0, out=np.zeros(len(base))
    )
    ends = []
    for level in norm.ppf(LEVELS):
        moved = norm.cdf(bias + (bias + level) / (1 - acceleration * (bias + level)))
        place = np.clip((moved * RESAMPLES).astype(int), 0, RESAMPLES - 1)
        ends.append(losses[np.arange(len(losses)), place])
    return ends[0], ends[1]


CANDIDATES: dict[str, Interval] = {
    "percentile bootstrap": percentile,
    "BCa bootstrap": bca,
    "Student's t": student,
    "wider of t and bootstrap": wider,
    "t on the log ratio": log_student,
    "Johnson's t": johnson,
    "Hall's transformation": hall,
}


def _moments(base: Array, fast: Array) -> tuple[Array, Array, Array]:
    """The losses, their standard errors to first order, and the skewness of single prompts."""
    count = base.shape[1]
    mean = base.mean(axis=1, keepdims=True)
    value = 1 - fast.mean(axis=1, keepdims=True) / mean
    parts = ((1 - value) * base - fast) / mean
    spread = parts.std(axis=1)
    skew = np.divide((parts**3).mean(axis=1), spread**3, where=spread > 0, out=np.zeros(len(base)))
    correction = np.sqrt(count * (count - 1)) / (count - 2) if count > 2 else 0.0
    return value[:, 0], spread / np.sqrt(count - 1), skew * correction


def _quantile(base: Array) -> float:
    return float(t.ppf(LEVELS[1], base.shape[1] - 1))


def _resampled(base: Array, fast: Array, random: np.random.Generator) -> Array:
    """Losses of prompts drawn anew, shape (samples, resamples)."""
    count = base.shape[1]
    picks = random.integers(count, size=(RESAMPLES, count))
    losses: Array = 1 - fast[:, picks].mean(axis=2) / base[:, picks].mean(axis=2)
    return losses


def _farther(one: Ends, other: Ends) -> Ends:
    return np.minimum(one[0], other[0]), np.maximum(one[1], other[1])
