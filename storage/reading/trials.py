"""Which trials of a study are ours: the one rule, whichever way they were read.

Optuna's API lets anybody add trials to a study. A complete one counts if accelfront measured it:
if it holds a point and a measurement of the right shape beside its two values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from storage.records.remeasurement import SecondLook
from storage.records.shapes import MEASURED, SECOND, TRIAL, Measured, Trial, parsed
from storage.study_store.rows import TrialRow


class RawTrial(NamedTuple):
    """A trial as it was read; its attributes are JSON no more."""

    number: object
    state: str
    speedup: object
    clip_loss: object
    attributes: Mapping[str, object]

    @classmethod
    def of_optuna(cls, trial: FrozenTrial) -> RawTrial:
        """As Optuna reads it."""
        values = [*(trial.values or []), None, None]
        return cls(trial.number, trial.state.name, values[0], values[1], trial.user_attrs)

    @classmethod
    def of_row(cls, row: TrialRow) -> RawTrial:
        """As a query of ours reads it."""
        texts = {
            "point": row.point, "duplicate_of": row.duplicate_of, "measurement": row.measurement,
        }  # fmt: skip
        attributes = {key: parsed(text) for key, text in texts.items() if text is not None}
        return cls(row.number, row.state, row.speedup, row.clip_loss, attributes)

    @property
    def is_repeat(self) -> bool:
        """Whether it repeats a point, and so counts nothing."""
        return "duplicate_of" in self.attributes

    def point(self) -> Trial | None:
        """The point that accelfront measured in full here; None if it did not."""
        if self.state != TrialState.COMPLETE.name or self.is_repeat:
            return None
        content = {
            "number": self.number, "speedup": self.speedup, "clip_loss": self.clip_loss,
        }  # fmt: skip
        try:
            return TRIAL.validate_python({**content, **self.attributes})
        except ValidationError:
            return None

    def look(self) -> SecondLook | None:
        """The second look that this repeat is; None if it is none, is under way or failed."""
        if self.state != TrialState.PRUNED.name:
            return None
        try:
            found = SECOND.validate_python(self.attributes)
        except ValidationError:
            return None
        return found["duplicate_of"], found["measurement"]


@dataclass
class Sorted:
    """The trials of a study, told apart.

    Attributes:
        points: Those that were measured in full.
        looks: What second looks found.
        states: How many trials are in which state, repeats of a point left out.
        foreign: How many more are complete and are not ours.
    """

    points: list[Trial] = field(default_factory=list)
    looks: list[SecondLook] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    foreign: int = 0


def sort_trials(trials: Iterable[RawTrial]) -> Sorted:
    """Tell the trials of a study apart."""
    found = Sorted()
    for trial in trials:
        if trial.is_repeat:
            look = trial.look()
            found.looks += [] if look is None else [look]
            continue
        if trial.state == TrialState.COMPLETE.name:
            point = trial.point()
            if point is None:
                found.foreign += 1
                continue
            found.points.append(point)
        found.states[trial.state.lower()] += 1
    return found


def given_up(trial: FrozenTrial) -> Measured | None:
    """What accelfront had measured of a point when it gave it up early; None of any other trial."""
    raw = RawTrial.of_optuna(trial)
    if trial.state != TrialState.PRUNED or raw.is_repeat:
        return None
    try:
        return MEASURED.validate_python(raw.attributes.get("measurement"))
    except ValidationError:
        return None
