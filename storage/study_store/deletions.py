"""Deleted studies and trials: leftovers are removed, and a worker of a deleted one is stopped.

SQLite enforces no foreign keys and reuses the numbers of deleted rows, so that leftovers of a row
would be taken for the next one's. And Optuna numbers a trial by the count of trials before it, so
that after a deletion two would have the same number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy import (
    Connection,
    Engine,
    Exists,
    Table,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from storage.database.schema import claims, votes
from storage.errors import StudyDeletedError
from storage.study_store.rows import ATTRIBUTES, TRIALS

PLACEHOLDER = "it takes the place of a deleted trial"


def deleted(study: str) -> StudyDeletedError:
    """The error with which a worker ends when its study or its trial is gone."""
    return StudyDeletedError(
        f"{study}, or trials of it, were deleted while this worker was at it; the same command "
        "resumes what is left, or begins anew"
    )


@contextmanager
def raising_deleted(study: str) -> Iterator[None]:
    """Turn Optuna's errors about a missing row into a StudyDeletedError.

    Args:
        study: The study's name.
    """
    try:
        yield
    except KeyError as error:
        if error.args != (models.NOT_FOUND_MSG,):
            raise
        raise deleted(study) from error


def put_right(engine: Engine) -> None:
    """Remove leftovers of deleted studies and trials, and close gaps in the others' numbers.

    Args:
        engine: A database in which no other process begins a study now.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            _remove_orphans(connection)
        connection.execute(delete(claims).where(~_is_there(claims, "study_id", "trial_number")))
        rival = _is_there(votes, "rival_study_id", "rival_trial_number")
        is_whole = _is_there(votes, "study_id", "trial_number") & (
            votes.c.rival_trial_number.is_(None) | rival
        )
        connection.execute(delete(votes).where(~is_whole))


def number_anew(engine: Engine, study_id: int, reason: str) -> None:
    """Fill the gaps among the numbers of a study's trials, so that the next one gets a free one.

    Of two trials with the same number the later one gets another; then a failed trial takes the
    place of each deleted one.

    Args:
        engine: As in `put_right`.
        study_id: Optuna's number of the study.
        reason: Name of the attribute that says why a trial failed.
    """
    wanted = select(TRIALS.c.trial_id, TRIALS.c.number).where(TRIALS.c.study_id == study_id)
    with engine.begin() as connection:
        rows = connection.execute(wanted.order_by(TRIALS.c.trial_id)).all()
        first: dict[int, int] = {}
        for trial_id, number in rows:
            first.setdefault(number, trial_id)
        free = iter(sorted(set(range(len(rows))) - first.keys()))
        for trial_id, number in rows:
            if first[number] != trial_id:
                first[new := next(free)] = trial_id
                moved = update(TRIALS).where(TRIALS.c.trial_id == trial_id)
                connection.execute(moved.values(number=new))
        for number in sorted(set(range(max(first, default=-1))) - first.keys()):
            _add_placeholder(connection, study_id, number, reason)


def shares_number(engine: Engine, trial_id: int) -> bool:
    """Whether another trial of the study has a trial's number, as trials were deleted before it."""
    same = TRIALS.alias()
    others = (
        select(func.count())
        .select_from(TRIALS)
        .join(same, (same.c.study_id == TRIALS.c.study_id) & (same.c.number == TRIALS.c.number))
        .where(TRIALS.c.trial_id == trial_id)
    )
    with engine.connect() as connection:
        return bool(connection.scalar(others) != 1)


def _is_there(table: Table, study_id: str, number: str) -> Exists:
    """Whether the trial of a row exists; the columns name it."""
    return exists().where(
        TRIALS.c.study_id == table.c[study_id], TRIALS.c.number == table.c[number]
    )


def _remove_orphans(connection: Connection) -> None:
    """Remove every row of Optuna's tables whose parent is gone, parents before their children."""
    for table in models.BaseModel.metadata.sorted_tables:
        for key in table.foreign_keys:
            parents = select(key.column)
            connection.execute(delete(table).where(key.parent.not_in(parents)))


def _add_placeholder(connection: Connection, study_id: int, number: int, reason: str) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    row = {"study_id": study_id, "number": number, "state": TrialState.FAIL}
    times = {"datetime_start": now, "datetime_complete": now}
    added = insert(TRIALS).values(**row, **times).returning(TRIALS.c.trial_id)
    attribute = {"trial_id": connection.scalar(added), "key": reason}
    connection.execute(insert(ATTRIBUTES).values(**attribute, value_json=f'"{PLACEHOLDER}"'))
