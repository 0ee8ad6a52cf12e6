"""Reads studies, trials and failures in one query each; Optuna needs a dozen per study.

Nothing in a row is trusted: storage/reading/trials.py decides what is ours.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from optuna.storages._rdb import models
from sqlalchemy import Engine, String, Table, and_, select, type_coerce

from storage.database.schema import claims
from storage.records.record import parsed
from storage.records.trial import Failure
from storage.study_store.attributes import FAULT, LABEL, REASON

STUDIES: Table = models.StudyModel.__table__
STUDY_ATTRIBUTES: Table = models.StudyUserAttributeModel.__table__
TRIALS: Table = models.TrialModel.__table__
VALUES: Table = models.TrialValueModel.__table__
ATTRIBUTES: Table = models.TrialUserAttributeModel.__table__


class StudyRow(NamedTuple):
    """One study; its attributes are JSON."""

    name: str
    attributes: dict[str, str]

    @property
    def label(self) -> str:
        """A person's name for it; empty if there is none, or if it was not read."""
        label = parsed(self.attributes.get(LABEL, '""'))
        return label if isinstance(label, str) else ""


class TrialRow(NamedTuple):
    """One trial; attributes are JSON, None where a trial has none."""

    study_id: int
    number: int
    state: str
    speedup: float | None
    loss: float | None
    point: str | None
    duplicate_of: str | None
    measurement: str | None


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause Python's garbage collector: there are many rows, and none is part of a cycle."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


def read_study_rows(engine: Engine, keys: Collection[str]) -> dict[int, StudyRow]:
    """Read all studies of a database by number, each with the named attributes."""
    on = and_(
        STUDY_ATTRIBUTES.c.study_id == STUDIES.c.study_id, STUDY_ATTRIBUTES.c.key.in_(list(keys))
    )
    wanted = select(
        STUDIES.c.study_id,
        STUDIES.c.study_name,
        STUDY_ATTRIBUTES.c.key,
        STUDY_ATTRIBUTES.c.value_json,
    ).outerjoin_from(STUDIES, STUDY_ATTRIBUTES, on)
    found: dict[int, StudyRow] = {}
    with engine.connect() as connection:
        for study_id, name, key, value in connection.execute(wanted):
            attributes = found.setdefault(study_id, StudyRow(name, {})).attributes
            if key is not None:
                attributes[key] = value
    return found


def read_trials(engine: Engine, study_ids: Collection[int]) -> dict[int, list[TrialRow]]:
    """Read all trials of the studies: by study, then by number."""
    columns: list[Any] = [
        # As text: an unknown state is then no error but a trial that is not ours.
        TRIALS.c.study_id, TRIALS.c.number, type_coerce(TRIALS.c.state, String),
    ]  # fmt: skip
    joined: Any = TRIALS
    for objective in (0, 1):
        values = VALUES.alias()
        on = and_(values.c.trial_id == TRIALS.c.trial_id, values.c.objective == objective)
        joined = joined.outerjoin(values, on)
        columns.append(values.c.value)
    for name in ("point", "duplicate_of", "measurement"):
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
        for row in connection.execute(wanted):
            found[row[0]].append(TrialRow._make(row))
    return found


def read_failures(engine: Engine, study_ids: Collection[int]) -> dict[int, list[Failure]]:
    """Read what failed for reasons of its own and was not retried: by study, then by number.

    Such trials keep their claims, so that no later run with the same versions measures them.
    """
    fault, reason = ATTRIBUTES.alias(), ATTRIBUTES.alias()
    holds = and_(TRIALS.c.study_id == claims.c.study_id, TRIALS.c.number == claims.c.trial_number)
    wanted = (
        select(claims.c.study_id, TRIALS.c.number, claims.c.point, reason.c.value_json)
        .join(TRIALS, holds)
        .join(fault, and_(fault.c.trial_id == TRIALS.c.trial_id, fault.c.key == FAULT))
        .join(reason, and_(reason.c.trial_id == TRIALS.c.trial_id, reason.c.key == REASON))
        .where(claims.c.study_id.in_(study_ids), TRIALS.c.state == "FAIL")
        .order_by(claims.c.study_id, TRIALS.c.number)
    )
    found: dict[int, list[Failure]] = {study_id: [] for study_id in study_ids}
    with engine.connect() as connection:
        for study_id, number, point, text in connection.execute(wanted):
            found[study_id].append(Failure(number, point, str(parsed(text))))
    return found
