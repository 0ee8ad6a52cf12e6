"""Which trials something from outside has disturbed, told from what a study's trials have measured.

A speedup is a ratio of neighbours in time, so what slows both alike hardly moves it; what hits one
of them does, and it shows in pairs that disagree. Seconds suffer from either.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log
from statistics import median

from objectives.statistics import speedup
from objectives.timing.interference import SEEN
from storage.records.measurement import Measurement
from storage.records.trial import Trial

SLOW = 1.2
"""A baseline so many times slower than usual: the machine was another one for that while. On two
idle cores the baselines of a study lie within 1.13 of each other (benchmarks/results)."""

UNEVEN = 3.0
"""The interval of a trial's pairs so many times wider than usual. Of 3 quiet pairs 1 trial in 500
comes out so wide by chance, of 5 pairs fewer."""

WIDE = 0.05
"""An interval narrower than this on either side is no trouble: two runs differ as much."""

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
        disagree far more than theirs).
    """
    seen = [word for word in measured.disturbed if word in SEEN]
    if len(others) < FEW:
        return seen
    # A quarter of quiet trials is enough to know what quiet is.
    usual = sorted(other.baseline_latency_s for other in others)[len(others) // 4]
    if measured.baseline_latency_s > SLOW * usual:
        seen.append("slow")
    width = _width(measured)
    if width > max(WIDE, UNEVEN * median(_width(other) for other in others)):
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
    touched.sort(key=lambda trial: (trial.number not in on_front, -_width(trial.measurement)))
    return touched[: room_to_time_again(trials)]


def room_to_time_again(trials: Sequence[Trial]) -> int:
    """How many of a study's points may still be timed again."""
    most = max(LEAST_AGAIN, int(MOST_AGAIN * len(trials)))
    return max(0, most - sum(trial.timed_again for trial in trials))


def _unrest(measurement: Measurement) -> tuple[int, float]:
    return len(measurement.disturbed), _width(measurement)


def _width(measured: Measurement) -> float:
    """Half of the interval of the pairs alone, on the scale of logarithms, where it is even."""
    pairs = speedup(measured.baseline_latencies_s, measured.latencies_s)
    return log(pairs.high / pairs.low) / 2 if pairs.low else inf
