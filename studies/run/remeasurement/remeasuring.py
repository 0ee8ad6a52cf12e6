"""The remeasurements of one run, one after the other."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from storage.records.budgets import Budgets
from storage.records.measurement import Kind
from storage.records.points import point_text
from storage.records.study import Study
from storage.records.trial import Trial
from storage.study_store.store import StudyStore
from studies.planning.metrics import compares_every_picture
from studies.run.failures import first_line, is_own_fault
from studies.run.measuring import Instruments
from studies.run.progress import Reporter, in_words
from studies.run.remeasurement.confirmation import room_to_confirm
from studies.run.remeasurement.due import DueRemeasurement, due_remeasurements, measure_again
from studies.run.stopping import Standstill
from studies.run.time_left import Step, steps_to_come


@dataclass
class Remeasuring:
    """The remeasurements of one run.

    Attributes:
        study_store: The study.
        instruments: The instruments that measure.
        confirms: Whether there are prompts to confirm on.
        budgets: The run's budgets.
        wanted: The metrics that were requested in addition to the usual ones.
        timeout_s: As `Objective.measure` takes it.
        standstill: Counts the remeasurements that others took first.
        failures: Why something could not be measured in this run, by key; grows.
        reporter: Reports the progress.
        pending: What was last found due; None before the first look.
    """

    study_store: StudyStore
    instruments: Instruments
    confirms: bool
    budgets: Budgets
    wanted: Sequence[str]
    timeout_s: float | None
    standstill: Standstill
    failures: dict[str, str]
    reporter: Reporter
    pending: list[DueRemeasurement] | None = None
    _begun: Counter[Kind] = field(default_factory=Counter)

    def due(
        self, read: Callable[[], Study], met: Callable[[], Trial | None]
    ) -> list[DueRemeasurement]:
        """Return the due remeasurements that nobody has claimed and that have not failed.

        Args:
            read: Reads the study.
            met: The point that meets a requirement, found in what was read.
        """
        # Read claims first: a remeasurement that ends in between is then in the record.
        known = self.study_store.taken().keys() | self.failures.keys()
        record = read().under(self.budgets)
        due = due_remeasurements(record, met(), self.confirms, self.failures, self.wanted)
        self.pending = [each for each in due if each.key not in known]
        return self.pending

    def take(self, due: DueRemeasurement, trials: list[Trial]) -> None:
        """Measure a point again and store the outcome, unless another worker was first.

        Args:
            due: The point, and why.
            trials: The study's points.
        """
        ours = self.study_store.remeasurements
        instrument = (
            self.instruments.confirming if due.kind == "confirmed" else self.instruments.search
        )
        trial_id = ours.begin(due.key, due.first, due.is_done)
        if trial_id is None:
            self.standstill.note(due.key, self.study_store.taken())
            return
        self.standstill.end()
        which = self._place_of(due)
        doing = {
            "confirmed": "confirming on unseen prompts",
            "timed again": "timing again",
            "metrics added": f"measuring {', '.join(due.metrics)}",
        }
        self.reporter.say(f"{doing[due.kind]}, {which}: {point_text(due.first.params)}")
        start = time.perf_counter()
        try:
            with ours.heartbeat(trial_id):
                measurement = measure_again(
                    due, instrument, trials, self.timeout_s, compares_every_picture(self.budgets)
                )
        except KeyboardInterrupt:
            ours.fail(trial_id, "interrupted")
            raise
        except Exception as error:
            # A method's library may raise anything: it fails this trial, and the reason is kept.
            failure = self.failures[due.key] = first_line(error)
            self.instruments.doubtful = True
            ours.fail(trial_id, failure, is_own_fault(error))
            self.reporter.last = f"failed: {failure}"
            return
        ours.keep(trial_id, due.kind, measurement)
        self.reporter.step_times.note(due.kind, time.perf_counter() - start)
        self.reporter.last = f"{due.kind} {which}, {in_words(measurement, self.budgets)}"

    def steps_left(self, trials: list[Trial], wanted: int, one_alone: bool) -> Mapping[Step, int]:
        """Return the most steps that the run may still take, remeasurements included.

        Args:
            trials: The points measured so far.
            wanted: How many points the study will have.
            one_alone: Whether the run ends with one point, and only that one is confirmed.
        """
        if self.pending is not None:
            return Counter(due.kind for due in self.pending)
        confirmations = 0
        if self.confirms:
            confirmations = 1 if one_alone else room_to_confirm(trials, wanted)
        return steps_to_come(trials, wanted, confirmations)

    def _place_of(self, due: DueRemeasurement) -> str:
        """Return its place among this run's remeasurements of its kind, as `1 of 2`."""
        alike = sum(other.kind == due.kind for other in self.pending or ())
        most = self._begun[due.kind] + alike
        self._begun[due.kind] += 1
        return f"{self._begun[due.kind]} of {most}"
