"""The remeasurements that a study still needs, and how one is measured."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from storage.records.measurement import Kind, Measurement
from storage.records.points import point_key
from storage.records.study import Study
from storage.records.trial import Trial
from studies.run.measuring import Instrument
from studies.run.remeasurement.completion import lacked, to_complete
from studies.run.remeasurement.confirmation import to_confirm
from studies.run.remeasurement.disturbance import is_quieter, marked, to_time_again


@dataclass(frozen=True)
class DueRemeasurement:
    """A point that is to be measured again.

    Attributes:
        kind: Why.
        first: The point.
        metrics: The metrics that it lacks, if that is why.
    """

    kind: Kind
    first: Trial
    metrics: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The key of its claim, which people see, too."""
        why = " ".join([self.kind, *self.metrics])
        return f"{why}: {point_key(self.first.params)}"

    def is_done(self, record: Study) -> bool:
        """Tell whether the study has it already."""
        [trial] = [each for each in record.trials if each.number == self.first.number]
        if self.kind == "metrics added":
            return not lacked(trial, self.metrics)
        return trial.timed_again if self.kind == "timed again" else trial.confirmed is not None


def due_remeasurements(
    record: Study,
    met: Trial | None,
    confirm: bool,
    failures: Container[str] = (),
    wanted: Sequence[str] = (),
) -> list[DueRemeasurement]:
    """Return the remeasurements that a study still needs, in order.

    Args:
        record: The study.
        met: The point that meets a requirement; if given, only this one is confirmed.
        confirm: Whether there are prompts to confirm on.
        failures: Keys of the remeasurements that failed in this run or an earlier one.
        wanted: The requested metrics.
    """
    # These come first, because the budgets of the metrics decide what else matters.
    lacking = [
        DueRemeasurement("metrics added", trial, tuple(lacked(trial, wanted)))
        for trial in to_complete(record, wanted)
    ]
    disturbed = to_time_again(record.trials, record.front)
    due = lacking + [DueRemeasurement("timed again", trial) for trial in disturbed]
    if not confirm:
        return due
    failed = {
        trial.number
        for trial in record.trials
        if DueRemeasurement("confirmed", trial).key in failures
    }
    best = to_confirm(record.trials, record.budgets, failed) if met is None else [met]
    return due + [DueRemeasurement("confirmed", trial) for trial in best if trial.confirmed is None]


def measure_again(
    due: DueRemeasurement,
    instrument: Instrument,
    trials: list[Trial],
    timeout_s: float | None,
    every_pair: bool,
) -> Measurement:
    """Measure a point again.

    Args:
        due: The point, and why.
        instrument: The search's instrument, or to confirm, the one of the unseen prompts.
        trials: The study's points.
        timeout_s: As `Objective.measure` takes it.
        every_pair: As `Objective.measure` takes it.

    Returns:
        The confirmation; the measurement with the missing metrics; or the quieter one of two
        timings, with what disturbed it.
    """
    point, objective = due.first.params, instrument.objective
    if due.kind != "timed again":
        return objective.measure(
            point, instrument.baseline, timeout_s=timeout_s, every_pair=every_pair
        )
    others = [trial for trial in trials if trial.number != due.first.number]
    before = due.first.measurement
    again = objective.time_again(before, point, instrument.baseline, timeout_s)
    before, again = marked(before, others), marked(again, others)
    # `seconds` is what this trial took, whichever timing is kept.
    kept = again if is_quieter(again, before) else before
    return kept.model_copy(update={"seconds": again.seconds})
