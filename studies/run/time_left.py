"""How long the steps of a run take, and how long the remaining ones will take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean
from typing import Literal

from storage.records.measurement import Kind
from storage.records.trial import Trial
from studies.run.remeasurement.disturbance import room_to_time_again

Step = Literal["measured"] | Kind
"""`measured` is a point of the search; a remeasurement goes by its kind."""


class StepTimes:
    """The durations of this process's own steps."""

    def __init__(self) -> None:
        """Start without any duration."""
        self._seconds: dict[Step, list[float]] = defaultdict(list)

    def note(self, step: Step, seconds: float) -> None:
        """Record how long a step took."""
        self._seconds[step].append(seconds)

    def left_s(self, steps: Mapping[Step, int]) -> float | None:
        """Return the seconds until these steps are done; None as long as nothing is known.

        A kind of step that was not taken yet is assumed to take as long as a point. The first
        confirmation also draws the unaccelerated pictures of its prompts: about one point more.
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
    """Return the remaining steps of a search.

    Args:
        trials: The points measured so far.
        wanted: How many there will be.
        confirmations: How many confirmations are still to come.
    """
    disturbed = sum(not t.timed_again and bool(t.measurement.disturbed) for t in trials)
    return {
        "measured": max(0, wanted - len(trials)),
        "timed again": min(disturbed, room_to_time_again(trials)),
        "confirmed": confirmations,
    }
