"""Which trials something from outside has disturbed, told from what a study's trials have measured.

A speedup is a ratio of neighbours in time, so what slows both alike hardly moves it; what hits one
of them does, and it shows in pairs that disagree. Seconds suffer from either.
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
"""A baseline so many times slower than usual: the machine was another one for that while. On two
idle cores the baselines of a study lie within 1.13 of each other (benchmarks/results); the second
is for machines where they lie far apart, and slow ones are nothing unusual."""

APART = 5
"""How many times as far as the middle baseline lies from the fastest, on the scale of logarithms,
a slow one must lie from the usual one. With fewer, noise of 10% (a standard deviation) alone makes
more than 2% of the trials slow; with more, one in ten that is 1.3 times slower passes where trials
differ by 2%."""

UNEVEN = 0.002
"""The chance that pairs which scatter normally, as those of other trials do, are called uneven. A
tenth of what is wanted, as some noise has longer tails than normal noise."""

WIDE = 0.03
"""Pairs whose log ratios have a smaller standard deviation are no trouble: two runs differ as
much. It is made up for neighbours that err alike (`CARRIED_OVER`), as that of intervals is."""

FEW = 3
"""So many other trials are needed to say what is usual."""

MOST_AGAIN, LEAST_AGAIN = 0.25, 1
"""At most this share of a study's points is timed again, and at least so many may be: a machine
that is never quiet costs a study little, and gains nothing from more."""


def reasons(measured: Measurement, others: Sequence[Measurement]) -> list[str]:
    """What disturbed a trial.

    Args:
        measured: The trial's measurement.
        others: Those of the study's other points.

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
    """A new measurement with all that disturbed it, beside a study's points."""
    found = reasons(measurement, [trial.measurement for trial in trials])
    return measurement.model_copy(update={"disturbed": tuple(found)})


def is_quieter(measurement: Measurement, other: Measurement) -> bool:
    """Whether to prefer one of two timings of a point: fewer reasons, then closer pairs."""
    return _unrest(measurement) < _unrest(other)


def to_time_again(trials: Sequence[Trial], front: Sequence[Trial]) -> list[Trial]:
    """The disturbed points that are still to be timed again, those that matter most first.

    What a second timing met too is there to stay: points that nothing else disturbed are left.

    Args:
        trials: A study's points.
        front: Its front; what is on it matters more than what is not.
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
    """How many of a study's points may still be timed again."""
    most = max(LEAST_AGAIN, int(MOST_AGAIN * len(trials)))
    return max(0, most - sum(trial.timed_again for trial in trials))


def _unrest(measurement: Measurement) -> tuple[int, float]:
    return len(measurement.disturbed), _scatter(measurement)


def _is_slow(measured: Measurement, others: Sequence[Measurement]) -> bool:
    """Whether the baseline was, for how far the others lie apart."""
    baselines = sorted(other.baseline_latency_s for other in others)
    apart = median(baselines) / baselines[0]
    limit = min(SLOW_ANYWHERE, max(SLOW, apart**APART))
    # A quarter of quiet trials is enough to know what quiet is.
    return measured.baseline_latency_s > limit * baselines[len(baselines) // 4]


def _is_uneven(measured: Measurement, others: Sequence[Measurement]) -> bool:
    """Whether pairs scatter more than those of others can by chance."""
    own = _spread(measured)
    spreads = [each for other in others if (each := _spread(other)).degrees]
    if not own.degrees or not spreads:
        return False
    # The middle one, as some of the others may be disturbed too; it lies below the mean.
    usual = median(each.variance / _middle(each.degrees) for each in spreads)
    # A median tells about as much as the mean of half as many.
    limit = _most_by_chance(own.degrees, max(1, sum(each.degrees for each in spreads) // 2))
    return own.variance > max(WIDE**2, limit * usual)


def _spread(measured: Measurement) -> Spread:
    return Spread.of(measured.baseline_latencies_s, measured.latencies_s)


def _scatter(measured: Measurement) -> float:
    """The standard deviation of a pair's log ratio; of one pair alone it may be any."""
    spread = _spread(measured)
    return sqrt(spread.variance) if spread.degrees else inf


def _middle(degrees: int) -> float:
    """The median of a variance's estimate as a share of the variance (Wilson and Hilferty)."""
    return (1 - 2 / (9 * degrees)) ** 3


@cache
def _most_by_chance(degrees: int, others: int) -> float:
    """The ratio of two estimates of one variance that chance exceeds at `UNEVEN` only."""
    from scipy.stats import f

    return float(f.isf(UNEVEN, degrees, others))
