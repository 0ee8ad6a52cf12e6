"""Second looks: measured points that were timed again, or confirmed on unseen prompts.

A second look is a trial of its own that repeats a point, so it counts nothing; what it found is
joined to the point's first trial here. One that timed a point again holds the quieter measurement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from storage.records.study import TrialRecord

Look = Literal["timed again", "confirmed"]

LOOK = "look"
"""In the measurement of a second look: which one it is."""

SecondLook = tuple[int, Mapping[str, Any]]
"""The number of the point's first trial, and what was measured."""


def disturbed_by(measured: Mapping[str, Any]) -> list[str]:
    """What disturbed a measurement; studies from before this was watched know of the GPU alone."""
    seen: list[str] = measured.get("disturbed") or []
    return seen or (["shared"] if measured.get("device_shared") else [])


def join_looks(trials: Sequence[TrialRecord], looks: Iterable[SecondLook]) -> list[TrialRecord]:
    """Join second looks to the points that they looked at.

    Args:
        trials: Points.
        looks: Of two alike the first counts.
    """
    by_number = {trial.number: trial for trial in trials}
    for number, measured in looks:
        trial = by_number.get(number)
        if trial is None:
            continue
        if measured[LOOK] == "confirmed":
            if trial.confirmed is None:
                by_number[number] = replace(trial, confirmed=measured)
        elif not trial.timed_again:
            by_number[number] = replace(
                trial,
                speedup=measured["speedup"],
                measurement=measured,
                timed_again=True,
                first_timing=trial.measurement,
            )
    return list(by_number.values())
