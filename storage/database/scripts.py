"""Emitted scripts: which trial each task got, and exactly what was written."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Engine, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from storage.database.schema import add_missing_tables, scripts
from storage.errors import StorageError


@dataclass(frozen=True)
class ScriptRecord:
    """One script, as it was emitted for one task.

    Attributes:
        task: The task as it was written.
        study: Name of the study.
        trial: Number of the trial.
        sha256: Hash of the file's bytes.
        path: The file's absolute path.
    """

    task: str
    study: str
    trial: int
    sha256: str
    path: str


def keep_script(engine: Engine, script: ScriptRecord) -> None:
    """Record a script.

    Raises:
        StorageError: If the database cannot be written to.
    """
    try:
        # The database may come from an earlier release.
        add_missing_tables(engine)
        with engine.begin() as connection:
            connection.execute(insert(scripts).values(**asdict(script)))
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StorageError(f"the script could not be recorded in the storage: {reason}") from error


def read_scripts(engine: Engine, sha256: str) -> list[ScriptRecord]:
    """The records of a script, oldest first.

    Args:
        engine: A database that has the table.
        sha256: Hash of the file's bytes.
    """
    columns = (scripts.c.task, scripts.c.study, scripts.c.trial, scripts.c.sha256, scripts.c.path)
    wanted = select(*columns).where(scripts.c.sha256 == sha256).order_by(scripts.c.id)
    with engine.connect() as connection:
        return [ScriptRecord(*row) for row in connection.execute(wanted)]


def tasks_of(engine: Engine, study: str, trial: int) -> list[str]:
    """The tasks that a trial's scripts were written for, oldest first.

    Args:
        engine: Any database of ours; one of an earlier release may lack the table.
        study: Name of the study.
        trial: Number of the trial.
    """
    if not inspect(engine).has_table(scripts.name):
        return []
    of_trial = (scripts.c.study == study) & (scripts.c.trial == trial)
    wanted = select(scripts.c.task).where(of_trial).order_by(scripts.c.id)
    with engine.connect() as connection:
        return list(connection.execute(wanted).scalars())
