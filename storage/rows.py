"""Trials of many studies in one query; Optuna's own reading takes a dozen queries a study."""

from __future__ import annotations

import gc
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy import ColumnElement, Engine, Table, and_, select

TRIALS: Table = models.TrialModel.__table__
VALUES: Table = models.TrialValueModel.__table__
ATTRIBUTES: Table = models.TrialUserAttributeModel.__table__

CHUNK = 10_000
"""A statement takes 32,766 values on SQLite, the fewer of the two."""


class TrialRow(NamedTuple):
    """One trial; attributes are JSON, None where a trial has none."""

    study_id: int
    trial_id: int
    number: int
    state: TrialState
    speedup: float | None
    clip_loss: float | None
    point: str | None
    duplicate_of: str | None


class Measurements:
    """Measurements of many trials, read when one is first looked into: of most none ever is.

    Attributes:
        likely: Trials, by their number in the database, whose measurements are read first, at once;
            whoever looks into another one's has all read.
    """

    def __init__(self, engine: Engine, study_ids: Collection[int]) -> None:
        self.likely: list[int] = []
        self._engine = engine
        self._study_ids = study_ids
        self._texts: dict[int, str] = {}

    def text(self, trial_id: int) -> str:
        """The JSON of one trial's measurement."""
        if not self._texts:
            for start in range(0, len(self.likely), CHUNK):
                chunk = self.likely[start : start + CHUNK]
                self._read(TRIALS.c.trial_id.in_(chunk))
        if trial_id not in self._texts:
            self._read(TRIALS.c.study_id.in_(self._study_ids))
        return self._texts[trial_id]

    def _read(self, which: ColumnElement[bool]) -> None:
        wanted = (
            select(TRIALS.c.trial_id, ATTRIBUTES.c.value_json)
            .join_from(TRIALS, ATTRIBUTES, ATTRIBUTES.c.trial_id == TRIALS.c.trial_id)
            .where(ATTRIBUTES.c.key == "measurement", which)
        )
        with self._engine.connect() as connection:
            self._texts |= {trial_id: text for trial_id, text in connection.execute(wanted)}


class StoredMeasurement(Mapping[str, Any]):
    """One trial's measurement, read and parsed when it is first looked into."""

    def __init__(self, trial_id: int, measurements: Measurements) -> None:
        self._trial_id = trial_id
        self._measurements = measurements

    @cached_property
    def _content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._measurements.text(self._trial_id))
        return content

    def __getitem__(self, name: str) -> Any:
        return self._content[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause Python's search for unused cycles: of rows there are many and none is in one."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


def read_trials(engine: Engine, study_ids: Collection[int]) -> dict[int, list[TrialRow]]:
    """All trials of the studies: by study, then by number."""
    columns: list[Any] = [
        TRIALS.c.study_id, TRIALS.c.trial_id, TRIALS.c.number, TRIALS.c.state,
    ]  # fmt: skip
    joined: Any = TRIALS
    for objective in (0, 1):
        values = VALUES.alias()
        on = and_(values.c.trial_id == TRIALS.c.trial_id, values.c.objective == objective)
        joined = joined.outerjoin(values, on)
        columns.append(values.c.value)
    for name in ("point", "duplicate_of"):
        attributes = ATTRIBUTES.alias()
        on = and_(attributes.c.trial_id == TRIALS.c.trial_id, attributes.c.key == name)
        joined = joined.outerjoin(attributes, on)
        columns.append(attributes.c.value_json)
    wanted = (
        select(*columns)
        .select_from(joined)
        .where(TRIALS.c.study_id.in_(study_ids))
        .order_by(TRIALS.c.study_id, TRIALS.c.number)
    )
    found: dict[int, list[TrialRow]] = {study_id: [] for study_id in study_ids}
    with engine.connect() as connection:
        for row in connection.execute(wanted).all():
            found[row[0]].append(TrialRow._make(row))
    return found
