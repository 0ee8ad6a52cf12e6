"""Which trials of a study are ours: one rule, no matter how they were read.

Optuna's API lets anybody add trials to a study. A complete one counts if accelfront measured it,
that is, if it holds a point and a measurement in addition to its two values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from optuna.trial import FrozenTrial, TrialState
from pydantic import ConfigDict, TypeAdapter, ValidationError

from storage.records.budgets import CLIP_LOSS
from storage.records.measurement import Measurement, Remeasured, with_metrics
from storage.records.points import by_whole_names
from storage.records.record import Count, Value
from storage.records.remeasurement import Remeasurement
from storage.records.trial import Trial
from storage.study_store.attributes import DUPLICATE_OF, MEASUREMENT, POINT
from storage.study_store.rows import TrialRow

Kept = TypeVar("Kept")

POINTS: TypeAdapter[dict[str, int | float]] = TypeAdapter(
    dict[str, Value], config=ConfigDict(strict=True)
)
NUMBERS: TypeAdapter[int] = TypeAdapter(Count, config=ConfigDict(strict=True))
MEASUREMENTS: TypeAdapter[Measurement] = TypeAdapter(Measurement)
REMEASUREMENTS: TypeAdapter[Remeasured] = TypeAdapter(Remeasured)


class RawTrial(NamedTuple):
    """A trial as it was read; nothing in it is trusted yet.

    Attributes:
        number: Its number in its study.
        state: The name of its state.
        speedup: Its first value.
        loss: Its second value.
        attributes: Its user attributes, by name.
        is_text: Whether these are still JSON: reading that straight into a record is twice as fast.
    """

    number: object
    state: str
    speedup: object
    loss: object
    attributes: Mapping[str, object]
    is_text: bool

    @classmethod
    def of_optuna(cls, trial: FrozenTrial) -> RawTrial:
        """From a trial that Optuna read."""
        values = [*(trial.values or []), None, None]
        return cls(trial.number, trial.state.name, values[0], values[1], trial.user_attrs, False)

    @classmethod
    def of_row(cls, row: TrialRow) -> RawTrial:
        """From a row of our own query."""
        texts = {POINT: row.point, DUPLICATE_OF: row.duplicate_of, MEASUREMENT: row.measurement}
        attributes = {key: text for key, text in texts.items() if text is not None}
        return cls(row.number, row.state, row.speedup, row.loss, attributes, True)

    @property
    def is_repeat(self) -> bool:
        """Whether it repeats a point, and so does not count."""
        return DUPLICATE_OF in self.attributes

    def point(self, loss: str = CLIP_LOSS) -> Trial | None:
        """The point that accelfront measured in full here; None if there is none.

        Args:
            loss: The name of the metric that is the study's second objective.
        """
        if self.state != TrialState.COMPLETE.name or self.is_repeat:
            return None
        try:
            point = self._read(POINT, POINTS)
            return Trial.model_validate(
                {
                    "number": self.number,
                    "params": by_whole_names(point),
                    "speedup": self.speedup,
                    "loss": self.loss,
                    "loss_name": loss,
                    "measurement": self._read(MEASUREMENT, MEASUREMENTS),
                }
            )
        except ValidationError:
            return None

    def remeasurement(self) -> Remeasurement | None:
        """The remeasurement in this trial; None if it is none, or has no result."""
        if self.state != TrialState.PRUNED.name:
            return None
        try:
            return Remeasurement(
                self._read(DUPLICATE_OF, NUMBERS), self._read(MEASUREMENT, REMEASUREMENTS)
            )
        except ValidationError:
            return None

    def measurement(self) -> Measurement | None:
        """What accelfront measured in it, of whatever kind; None if there is nothing."""
        try:
            return self._read(MEASUREMENT, MEASUREMENTS)
        except ValidationError:
            return None

    def _read(self, name: str, adapter: TypeAdapter[Kept]) -> Kept:
        kept = self.attributes.get(name)
        if isinstance(kept, str) and self.is_text:
            return adapter.validate_json(kept)
        return adapter.validate_python(kept)


@dataclass
class Sorted:
    """The trials of a study, sorted by kind.

    Attributes:
        points: Those that were measured in full.
        remeasurements: Those that measured one of these points again.
        states: The number of trials in each state, without repeats of a point.
        foreign: How many more are complete but not ours.
    """

    points: list[Trial] = field(default_factory=list)
    remeasurements: list[Remeasurement] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    foreign: int = 0


def sort_trials(trials: Iterable[RawTrial], loss: str = CLIP_LOSS) -> Sorted:
    """Sort the trials of a study by kind.

    Args:
        trials: The trials.
        loss: The name of the metric that is the study's second objective.
    """
    found = Sorted()
    for trial in trials:
        if trial.is_repeat:
            again = trial.remeasurement()
            found.remeasurements += [] if again is None else [again]
            continue
        if trial.state == TrialState.COMPLETE.name:
            point = trial.point(loss)
            if point is None:
                found.foreign += 1
                continue
            found.points.append(point)
        found.states[trial.state.lower()] += 1
    return found


def measured(trial: FrozenTrial) -> Measurement | None:
    """What accelfront measured of a point here, in full or in part; None if it did not."""
    point = RawTrial.of_optuna(trial).point()
    return given_up(trial) if point is None else point.measurement


def measurements(trials: Iterable[FrozenTrial]) -> dict[int, Measurement]:
    """What accelfront measured of points here, by number, with the metrics that were added."""
    known: dict[int, Measurement] = {}
    added: list[Remeasurement] = []
    for trial in trials:
        if (found := measured(trial)) is not None:
            known[trial.number] = found
        elif (again := RawTrial.of_optuna(trial).remeasurement()) is not None:
            added += [again] if again.measurement.look == "metrics added" else []
    for first, more in added:
        if first in known:
            known[first] = with_metrics(known[first], more)
    return known


def given_up(trial: FrozenTrial) -> Measurement | None:
    """What accelfront measured of a point before giving it up early; None for any other trial."""
    raw = RawTrial.of_optuna(trial)
    if trial.state != TrialState.PRUNED or raw.is_repeat:
        return None
    return raw.measurement()
