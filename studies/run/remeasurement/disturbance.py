"""Which trials were disturbed from outside, judged by all measurements of a study.

A speedup is a ratio of neighbours in time, so a disturbance that slows both hardly moves it. One
that hits only one of them does, and shows in pairs that disagree. Seconds suffer from both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import inf, sqrt
from statistics import median

from objectives.statistics import Spread
from objectives.timing.interference import SEEN
from storage.records.measurement import Measurement
from storage.records.trial import Trial

SLOW, SLOW_ANYWHERE = 1.2, 1.5
"""A baseline so many times slower than usual shows that the machine was disturbed. On two idle
cores the baselines of a study lie within 1.13 of each other (benchmarks/results). The second factor
is for machines whose baselines lie far apart, so that slow ones are usual."""

APART = 5
"""How many times as far as the middle baseline lies from the fastest, on a logarithmic scale, a
slow one must lie from the usual one. With a lower factor, noise of 10% (a standard deviation) alone
makes more than 2% of the trials slow; with a higher one, one in ten trials that are 1.3 times
slower passes where trials differ by 2%."""

UNEVEN = 0.002
"""The chance that pairs are called uneven although they scatter normally, as in other trials. It is
a tenth of the wanted chance, because some noise has longer tails than normal noise."""

WIDE = 0.03
"""Pairs whose log ratios have a smaller standard deviation do no harm: two runs differ as much. The
deviation is corrected for neighbours with similar errors (`CARRIED_OVER`), as for intervals."""

FEW = 3
"""The fewest other trials that tell what is usual."""

MOST_AGAIN, LEAST_AGAIN = 0.25, 1
"""The greatest share of a study's points that are timed again, and a number that always may be. On
a machine that is never quiet, more would cost time and gain nothing."""


def reasons(measured: Measurement, others: Sequence[Measurement]) -> list[str]:
    """Return what disturbed a trial.

    Args:
        measured: The trial's measurement.
        others: The measurements of the study's other points.

    Returns:
        Some of `shared`, `throttled` and `busy`, as objectives/timing/interference.py saw them,
        `slow` (the baseline beside it was, against the other trials') and `uneven` (its pairs
        disagree far more than theirs). Of trials that noise alone tells apart, at most 2% are
        called either, up to a noise of 10%.
    """
    seen = [word for word in measured.disturbed if word in SEEN]
    if len(others) < FEW:
        return seen
    if _is_slow(measured, others):
        seen.append("slow")
    if _is_uneven(measured, others):
        seen.append("uneven")
    return seen


def marked(measurement: Measurement, trials: Sequence[Trial]) -> Measurement:
    """Return a new measurement with all that disturbed it, compared with a study's points."""
    found = reasons(measurement, [trial.measurement for trial in trials])
    return measurement.model_copy(update={"disturbed": tuple(found)})


def is_quieter(measurement: Measurement, other: Measurement) -> bool:
    """Tell whether a timing of a point is better than another: fewer reasons, then closer pairs."""
    return _unrest(measurement) < _unrest(other)


def to_time_again(trials: Sequence[Trial], front: Sequence[Trial]) -> list[Trial]:
    """Return the disturbed points that are still to be timed again, the most important first.

    A disturbance that a second timing met too is permanent: points with no other one are left out.

    Args:
        trials: A study's points.
        front: The study's front, whose points matter most.
    """
    found = {
        trial.number: set(
            reasons(trial.measurement, [t.measurement for t in trials if t is not trial])
        )
        for trial in trials
    }
    lasting = set().union(*(found[trial.number] for trial in trials if trial.timed_again))
    touched = [t for t in trials if not t.timed_again and found[t.number] - lasting]
    on_front = {trial.number for trial in front}
    touched.sort(key=lambda trial: (trial.number not in on_front, -_scatter(trial.measurement)))
    return touched[: room_to_time_again(trials)]


def room_to_time_again(trials: Sequence[Trial]) -> int:
    """Return how many of a study's points may still be timed again."""
    most = max(LEAST_AGAIN, int(MOST_AGAIN * len(trials)))
    return max(0, most - sum(trial.timed_again for trial in trials))


def _unrest(measurement: Measurement) -> tuple[int, float]:
    return len(measurement.disturbed), _scatter(measurement)


def _is_slow(measured: Measurement, others: Sequence[Measurement]) -> bool:
    """Tell whether the baseline was slow, given how far the others lie apart."""
    baselines = sorted(other.baseline_latency_s for other in others)
    apart = median(baselines) / baselines[0]
    limit = min(SLOW_ANYWHERE, max(SLOW, apart**APART))
    # It takes a quarter of the trials to be quiet to know the quiet baseline.
    return measured.baseline_latency_s > limit * baselines[len(baselines) // 4]


def _is_uneven(measured: Measurement, others: Sequence[Measurement]) -> bool:
    """Tell whether pairs scatter more than chance explains, going by the other trials."""
    own = _spread(measured)
    spreads = [each for other in others if (each := _spread(other)).degrees]
    if not own.degrees or not spreads:
        return False
    # The median, because some of the others may be disturbed too; it lies below the mean.
    usual = median(each.variance / _middle(each.degrees) for each in spreads)
    # A median is about as precise as the mean of half as many.
    limit = _most_by_chance(own.degrees, max(1, sum(each.degrees for each in spreads) // 2))
    return own.variance > max(WIDE**2, limit * usual)


def _spread(measured: Measurement) -> Spread:
    return Spread.of(measured.baseline_latencies_s, measured.latencies_s)


def _scatter(measured: Measurement) -> float:
    """Return the standard deviation of a pair's log ratio; unbounded for a single pair."""
    spread = _spread(measured)
    return sqrt(spread.variance) if spread.degrees else inf


def _middle(degrees: int) -> float:
    """The median of a variance's estimate as a share of the variance (Wilson and Hilferty)."""
    return (1 - 2 / (9 * degrees)) ** 3


@cache
def _most_by_chance(degrees: int, others: int) -> float:
    """Return the ratio of two estimates of one variance that is exceeded with chance `UNEVEN`."""
    from scipy.stats import f

    return float(f.isf(UNEVEN, degrees, others))
