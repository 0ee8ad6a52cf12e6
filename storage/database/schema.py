"""Our tables, next to Optuna's in the same database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    inspect,
    select,
    text,
)

from storage.errors import StorageError

SCHEMA_VERSION = 1

ADVISORY_LOCK = 0x_ACCE1
"""Any fixed number: names our lock among a Postgres server's advisory locks."""

LOCK_S = 60
"""How long a process waits on SQLite while another one makes the schema."""

metadata = MetaData()

schema_table = Table(
    "accelfront_schema",
    metadata,
    Column("version", Integer, primary_key=True),
)

baselines = Table(
    "accelfront_baselines",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("scores", Text, nullable=False),
    Column("embeddings", LargeBinary, nullable=False),
    Column("created_at", DateTime, server_default=func.now(), nullable=False),
)

claims = Table(
    "accelfront_claims",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", Integer, nullable=False),
    Column("point", String(255), nullable=False),
    Column("trial_number", Integer, nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_start", Float, nullable=False),
    Column("claimed_at", DateTime, server_default=func.now(), nullable=False),
    UniqueConstraint("study_id", "point"),
)

imported_points = Table(
    # Earlier releases chose this name, and their databases stay readable.
    "accelfront_hints",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("combination", Text, nullable=False, index=True),
    Column("point", Text, nullable=False),
    Column("created_at", DateTime, server_default=func.now(), nullable=False),
)

scripts = Table(
    "accelfront_scripts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task", Text, nullable=False),
    Column("study", Text, nullable=False),
    Column("trial", Integer, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("path", Text, nullable=False),
    Column("written_at", DateTime, server_default=func.now(), nullable=False),
)

votes = Table(
    "accelfront_votes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", Integer, nullable=False, index=True),
    Column("trial_number", Integer, nullable=False),
    # The baseline of the same study has no trial.
    Column("rival_study_id", Integer, nullable=False, index=True),
    Column("rival_trial_number", Integer, nullable=True),
    Column("pair", Integer, nullable=False),
    Column("shown_first", String(16), nullable=False),
    Column("winner", String(16), nullable=False),
    Column("voter", String(255), nullable=False),
    Column("voted_at", DateTime, server_default=func.now(), nullable=False),
)


def schema_version(engine: Engine) -> int | None:
    """The version of our tables in a database; None if they are not there yet."""
    if not inspect(engine).has_table(schema_table.name):
        return None
    with engine.connect() as connection:
        version: int | None = connection.scalar(select(func.max(schema_table.c.version)))
        return version


def create_tables(engine: Engine) -> None:
    """Create our tables and note their version, which marks both schemas as complete."""
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(schema_table).values(version=SCHEMA_VERSION))


def add_missing_tables(engine: Engine) -> None:
    """Create those of our tables that a database of an earlier release lacks.

    A further table needs no new schema version: earlier releases do without it.
    """
    if metadata.tables.keys() - set(inspect(engine).get_table_names()):
        with creation_lock(engine):
            metadata.create_all(engine)


def require_version(version: int) -> None:
    """Raise StorageError if a database was made by a newer accelfront."""
    if version > SCHEMA_VERSION:
        raise StorageError(
            f"the database has accelfront's schema {version}, and this accelfront knows "
            f"{SCHEMA_VERSION}; upgrade accelfront"
        )


def serialize(connection: Connection, study_id: int) -> None:
    """Let one transaction of a study proceed at a time from here, until it ends.

    SQLite has one writer at a time anyway, and its statement both reads and writes.
    """
    if connection.dialect.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(CAST(:key AS int), CAST(:study AS int))")
        connection.execute(lock, {"key": ADVISORY_LOCK, "study": study_id})


@contextmanager
def creation_lock(engine: Engine) -> Iterator[None]:
    """Let one process create schemas at a time: on an empty database several would collide."""
    if engine.dialect.name == "sqlite":
        database = Path(str(engine.url.database))
        lock = FileLock(database.with_name(database.name + ".lock"), timeout=LOCK_S)
        try:
            lock.acquire()
        except Timeout as error:
            raise StorageError(
                f"another process has held {lock.lock_file} for {LOCK_S} s; try again once it ends"
            ) from error
        try:
            yield
            # A process that still waits on the removed file finds the schema made.
            Path(lock.lock_file).unlink(missing_ok=True)
        finally:
            lock.release()
        return
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
