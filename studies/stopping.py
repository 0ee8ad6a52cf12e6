"""When a study has done enough."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from storage.front import hypervolume
from storage.records import TrialRecord

PLATEAU_POINTS = 30
"""A search that measured this many points in a run without gain has found what it will find."""

PLATEAU_GAIN = 0.001
"""The relative growth of the hypervolume that counts as a gain."""


@dataclass
class Plateau:
    """Watches the hypervolume of a run."""

    loss_budget: float
    best: float = -1.0
    best_at: int = 0

    def reached(self, trials: Sequence[TrialRecord]) -> bool:
        """Whether the hypervolume stopped growing in this run, from all points measured so far."""
        volume = hypervolume(trials, self.loss_budget)
        if volume > self.best * (1 + PLATEAU_GAIN) or self.best < 0:
            self.best, self.best_at = volume, len(trials)
        return len(trials) - self.best_at >= PLATEAU_POINTS


@dataclass
class Deadline:
    """A time after which no trial is started; None never comes."""

    timeout_s: float | None
    start: float = field(default_factory=time.monotonic)

    def passed(self) -> bool:
        """Whether the time is up."""
        return self.timeout_s is not None and time.monotonic() - self.start >= self.timeout_s
