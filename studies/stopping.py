"""When a study has done enough."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from storage.front import hypervolume
from storage.records import TrialRecord
from studies.plan import Requirement

PLATEAU_POINTS = 30
"""A search that measured this many points in a run without gain has found what it will find."""

PLATEAU_GAIN = 0.001
"""The relative growth of the hypervolume that counts as a gain."""


def meets(trial: TrialRecord, requirement: Requirement, loss_budget: float) -> bool:
    """Whether a point meets a requirement inside the loss budget, by interval and not by luck.

    Args:
        trial: A measured point.
        requirement: What is asked for; asking for nothing is never met.
        loss_budget: The greatest CLIP loss allowed, which the whole interval must keep.
    """
    if requirement == Requirement():
        return False
    measured = trial.measurement
    fast = requirement.speedup is None or measured["speedup_ci"][0] >= requirement.speedup
    short = requirement.latency_s is None or measured["latency_ci_s"][1] <= requirement.latency_s
    good = bool(measured["clip_loss_ci"][1] <= loss_budget)
    return bool(fast and short and good)


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
