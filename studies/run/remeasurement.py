"""The second looks of one run: which come next, and taking one after the other."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from storage.records.points import point_key
from storage.records.remeasurement import Look
from storage.records.study import StudyRecord, TrialRecord
from studies.run.benches import Benches
from studies.run.confirmation import MOST_BEYOND
from studies.run.failing import first_line, is_own_fault
from studies.run.ledger import Ledger
from studies.run.progress import in_words
from studies.run.second_looks import Due, SecondLooks, due_looks, take_look
from studies.run.stopping import Standstill
from studies.run.time_left import StepTimes


@dataclass
class Remeasurement:
    """What one run measures a second time.

    Attributes:
        ledger: The study.
        benches: What measures.
        confirms: Whether there are prompts to confirm on.
        timeout_s: As `Objective.measure` takes it.
        step_times: Told how long each look took.
        standstill: Told of looks that others took first.
        failures: Why something could not be measured in this run, by key; added to.
        tell: Told in words what happens now.
        pending: The looks that were due last; None if none were asked for yet.
    """

    ledger: Ledger
    benches: Benches
    confirms: bool
    timeout_s: float | None
    step_times: StepTimes
    standstill: Standstill
    failures: dict[str, str]
    tell: Callable[[str], None]
    pending: list[Due] | None = None
    _looked: Counter[Look] = field(default_factory=Counter)
    _beyond: int = 0

    def due(
        self, read: Callable[[], StudyRecord], met: Callable[[], TrialRecord | None]
    ) -> list[Due]:
        """The looks that no worker is at and that have not failed in this run.

        Args:
            read: Reads the study.
            met: The point that meets a requirement, by what was read.
        """
        # Claims first: one that ends in between is in the record then.
        known = self.ledger.taken().keys() | self.failures.keys()
        record = replace(read(), budgets=self.ledger.budgets)
        looks = due_looks(record, met(), self.confirms, self._beyond < MOST_BEYOND)
        self.pending = [due for due in looks if due.key not in known]
        return self.pending

    def take(self, due: Due, trials: list[TrialRecord]) -> str:
        """Take a second look at a point and store what it finds.

        Args:
            due: The look.
            trials: The study's points.

        Returns:
            What came of it, in words; empty if another worker was first.
        """
        looks = SecondLooks(self.ledger)
        bench = self.benches.confirming if due.look == "confirmed" else self.benches.search
        trial_id = looks.begin(due)
        if trial_id is None:
            self.standstill.note(due.key, self.ledger.taken())
            return ""
        self.standstill.end()
        which = self._place_of(due)
        self._beyond += due.beyond
        doing = "confirming on unseen prompts" if due.look == "confirmed" else "timing again"
        self.tell(f"{doing}, {which}: {point_key(due.first.params)}")
        start = time.perf_counter()
        try:
            with looks.heartbeat(trial_id):
                measurement = take_look(due, bench, trials, self.timeout_s)
        except KeyboardInterrupt:
            looks.fail(trial_id, "interrupted")
            raise
        except Exception as error:
            # A method's library may raise anything: it fails this look, and the reason is kept.
            failure = self.failures[due.key] = first_line(error)
            self.benches.doubtful = True
            looks.fail(trial_id, failure, is_own_fault(error))
            return f"failed: {failure}"
        looks.keep(trial_id, due, measurement)
        self.step_times.note(due.look, time.perf_counter() - start)
        return f"{due.look} {which}, {in_words(measurement)}"

    def _place_of(self, due: Due) -> str:
        """Which of the looks of its kind one is in this run, as `1 of 2`."""
        alike = sum(other.look == due.look for other in self.pending or ())
        most = self._looked[due.look] + alike
        self._looked[due.look] += 1
        return f"{self._looked[due.look]} of {most}"
