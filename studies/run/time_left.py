"""How long the steps of a run take, and so how long those that are left will."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean
from typing import Literal

from storage.records.measurement import Kind
from storage.records.trial import Trial
from studies.run.remeasurement.disturbance import room_to_time_again

Step = Literal["measured"] | Kind
"""A point of the search is measured; a remeasurement is named as its kind."""


class StepTimes:
    """What this process has measured of its own steps."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._seconds: dict[Step, list[float]] = defaultdict(list)

    def note(self, step: Step, seconds: float) -> None:
        """Take in how long a step took."""
        self._seconds[step].append(seconds)

    def left_s(self, steps: Mapping[Step, int]) -> float | None:
        """Seconds until so many steps are done; None as long as nothing is known.

        A kind of step that was not taken yet is thought to take as long as a point. Before the
        first confirmation the unaccelerated pictures of its prompts are drawn: about a point more.
        """
        everything = [seconds for taken in self._seconds.values() for seconds in taken]
        if not everything:
            return None
        usual = fmean(self._seconds["measured"] or everything)
        left = sum(
            count * (fmean(self._seconds[step]) if self._seconds[step] else usual)
            for step, count in steps.items()
        )
        draws = steps.get("confirmed", 0) > 0 and not self._seconds["confirmed"]
        return left + usual * draws


def steps_to_come(trials: list[Trial], wanted: int, confirmations: int) -> dict[Step, int]:
    """The steps of a search that is under way.

    Args:
        trials: The points measured so far.
        wanted: How many there are to be.
        confirmations: How many confirmations are to come.
    """
    disturbed = sum(not t.timed_again and bool(t.measurement.disturbed) for t in trials)
    return {
        "measured": max(0, wanted - len(trials)),
        "timed again": min(disturbed, room_to_time_again(trials)),
        "confirmed": confirmations,
    }
