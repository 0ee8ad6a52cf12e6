"""Remeasurements: known points that were measured again, joined to the trials that had them first.

A remeasurement is a trial of its own that repeats a point, so it does not count as one. If it timed
the point again, it holds the quieter of the two measurements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from storage.records.measurement import Remeasured, with_metrics
from storage.records.trial import Trial


class Remeasurement(NamedTuple):
    """A known point, measured again.

    Attributes:
        first: The number of the point's first trial.
        measurement: The new measurement.
    """

    first: int
    measurement: Remeasured


def join_remeasurements(
    trials: Sequence[Trial], remeasurements: Iterable[Remeasurement]
) -> list[Trial]:
    """Join remeasurements to the points that they measured.

    Args:
        trials: Points.
        remeasurements: Of two of the same kind the first counts, and of a metric the first value.
    """
    by_number = {trial.number: trial for trial in trials}
    for number, measured in remeasurements:
        trial = by_number.get(number)
        if trial is None:
            continue
        if measured.look == "metrics added":
            whole = with_metrics(trial.measurement, measured)
            by_number[number] = trial.model_copy(update={"measurement": whole})
        elif measured.look == "confirmed":
            if trial.confirmed is None:
                by_number[number] = trial.model_copy(update={"confirmed": measured})
        elif not trial.timed_again:
            timing = {
                "speedup": measured.speedup,
                "measurement": measured,
                "timed_again": True,
                "first_timing": trial.measurement,
            }
            by_number[number] = trial.model_copy(update=timing)
    return list(by_number.values())
