"""When a study has done enough."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from storage.records.budgets import Budgets
from storage.records.front import hypervolume
from storage.records.study import TrialRecord
from studies.errors import StudyFailedError

PLATEAU_POINTS = 30
"""A search that measured this many points in a run without gain has found what it will find."""

PLATEAU_GAIN = 0.001
"""The relative growth of the hypervolume that counts as a gain."""

MAX_FRUITLESS = 20
"""So many proposals in a row may come to nothing while the study stands still. A search that works
brings an unseen point after six at most (`samplers.MAX_REPEATS`)."""


@dataclass
class Standstill:
    """Ends a run whose proposals come to nothing, whoever proposes.

    A proposal that another worker was first to take is no such one, as the study went on with it.
    """

    taken: frozenset[str] = frozenset()
    fruitless: int = 0

    def note(self, proposed: str, taken: Collection[str]) -> None:
        """Count a proposal of which no measurement came.

        Args:
            proposed: The point, for people.
            taken: Keys of all points that are measured or under way now.

        Raises:
            StudyFailedError: If it was one too many.
        """
        if self.taken != (now := frozenset(taken)):
            self.taken, self.fruitless = now, 0
        self.fruitless += 1
        if self.fruitless >= MAX_FRUITLESS:
            raise StudyFailedError(
                f"the study stands still: of {MAX_FRUITLESS} proposals in a row none could be "
                f"measured, the last one {proposed}; what was measured is kept, and the same "
                "command with another --sampler may go on"
            )

    def end(self) -> None:
        """A point is measured: the study goes on."""
        self.fruitless = 0


@dataclass
class Plateau:
    """Watches the hypervolume of a run."""

    budgets: Budgets
    best: float = -1.0
    best_at: int = 0

    def reached(self, trials: Sequence[TrialRecord]) -> bool:
        """Whether the hypervolume stopped growing in this run, from all points measured so far."""
        allowed = [trial for trial in trials if self.budgets.allow(trial.measurement)]
        volume = hypervolume(allowed, self.budgets.clip_loss)
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
