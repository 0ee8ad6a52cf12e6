"""Other intervals at 95% of a relative loss of paired scores, to compare with accelfront's.

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

RESAMPLES = 400

LEVELS = (0.025, 0.975)


def percentile(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """The paired percentile bootstrap, which accelfront used at first."""
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
    """Hall's transformation alone (J. R. Statist. Soc. B 54, 1992, 221-228)."""
    return _hall(base, fast, _moments(base, fast)[2])


def farther(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """On each side the farther end of Student's t and Hall's, which accelfront used next."""
    return _farther(student(base, fast, random), hall(base, fast, random))


def prior_skew(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """The same with a skewness shrunk towards 3 as if 100 prompts had shown that."""
    count = base.shape[1]
    skew = (count * _moments(base, fast)[2] + 100 * 3) / (count + 100)
    return _farther(student(base, fast, random), _hall(base, fast, skew))


def bootstrap_t(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """The bootstrap of Student's statistic, no narrower than Student's t."""
    value, error, _ = _moments(base, fast)
    count = base.shape[1]
    picks = random.integers(count, size=(RESAMPLES, count))
    ends = []
    for parts in _parts(base, fast):
        drawn = parts[picks]
        spread = drawn.std(axis=1) / np.sqrt(count - 1)
        ends.append(np.quantile(drawn.mean(axis=1) / np.where(spread > 0, spread, np.inf), LEVELS))
    below, above = np.array(ends).T
    return _farther(student(base, fast, random), (value - above * error, value - below * error))


def empirical_likelihood(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """Owen's empirical likelihood (Biometrika 75, 1988, 237-249), calibrated by F."""
    value = _moments(base, fast)[0]
    parts = _parts(base, fast)
    return value - _most_likely(-parts), value + _most_likely(parts)


def one_more(
    deviations: float, fixed: bool = False
) -> Callable[[Array, Array, np.random.Generator], Ends]:
    """Student's t, whose high end allows for one more prompt that lost far more than the mean.

    Args:
        deviations: The excess in standard deviations of the sample.
        fixed: The excess instead as a share of the baseline's mean score.
    """

    def interval(base: Array, fast: Array, random: np.random.Generator) -> Ends:
        low, _ = student(base, fast, random)
        value, parts = _moments(base, fast)[0], _parts(base, fast)
        scale = np.ones(len(parts)) if fixed else parts.std(axis=1, ddof=1)
        more = np.column_stack([parts, deviations * scale])
        reach = _quantile(more) * more.std(axis=1, ddof=1) / np.sqrt(more.shape[1])
        return low, value + more.mean(axis=1) + reach

    return interval


def _hall(base: Array, fast: Array, skew: Array) -> Ends:
    """Hall's interval for a given skewness of single prompts."""
    value, error, _ = _moments(base, fast)
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
    "farther end of t and Hall": farther,
    "the same, prior skewness": prior_skew,
    "bootstrap t": bootstrap_t,
    "empirical likelihood": empirical_likelihood,
    "t, one more of 0.2 above": one_more(0.2, fixed=True),
    "t, one more of 4 sd above": one_more(4),
    "t, one more of 8 sd above": one_more(8),
}


def _moments(base: Array, fast: Array) -> tuple[Array, Array, Array]:
    """The losses, their standard errors to first order, and the skewness of single prompts."""
    count = base.shape[1]
    value, parts = 1 - fast.mean(axis=1) / base.mean(axis=1), _parts(base, fast)
    spread = parts.std(axis=1)
    skew = np.divide((parts**3).mean(axis=1), spread**3, where=spread > 0, out=np.zeros(len(base)))
    correction = np.sqrt(count * (count - 1)) / (count - 2) if count > 2 else 0.0
    return value, spread / np.sqrt(count - 1), skew * correction


def _parts(base: Array, fast: Array) -> Array:
    """Each prompt's contribution to the loss, to first order; with a mean of 0."""
    mean = base.mean(axis=1, keepdims=True)
    value = 1 - fast.mean(axis=1, keepdims=True) / mean
    parts: Array = ((1 - value) * base - fast) / mean
    return parts


def _most_likely(parts: Array) -> Array:
    """The greatest mean that empirical likelihood allows, by bisection over its one multiplier."""
    count = parts.shape[1]
    worst = parts.max(axis=1, keepdims=True)
    spread = worst - parts.min(axis=1, keepdims=True) + 1e-12
    near, far = np.full((len(parts), 1), -12.0), np.full((len(parts), 1), 12.0)
    for _ in range(40):
        middle = (near + far) / 2
        weights = 1 / (worst + spread * 10**middle - parts)
        weights /= weights.sum(axis=1, keepdims=True)
        lost = -2 * np.log(count * weights).sum(axis=1, keepdims=True)
        allowed = lost < _quantile(parts) ** 2
        near, far = np.where(allowed, near, middle), np.where(allowed, middle, far)
    mean: Array = (weights * parts).sum(axis=1)
    return mean


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
