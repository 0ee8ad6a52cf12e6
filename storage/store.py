"""Opening a database."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy import URL, Engine, NullPool, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from storage.errors import StorageError
from storage.schema import (
    add_missing_tables,
    create_tables,
    creation_lock,
    require_version,
    schema_version,
)

HEARTBEAT_S = 30
"""A worker says this often that its trial is alive."""

GRACE_S = 150
"""A worker that was silent for this long is dead. Five beats, so that a stall is no death."""

SQLITE_HEADER = b"SQLite format 3\0"

CONNECT_TIMEOUT_S = 10
"""How long a Postgres server may take to answer."""

LOCK_TIMEOUT_S = 60
"""How long a writer waits for another one on SQLite."""


@dataclass(frozen=True)
class Store:
    """An open database. One per process: each holds a pool of connections.

    Attributes:
        optuna: For `optuna.create_study` and `optuna.load_study`.
        engine: For our own tables, on the same pool.
        name: The URL without its password, for people.
    """

    optuna: BaseStorage
    engine: Engine
    name: str


def open_store(url: str, create: bool = False) -> Store:
    """Open a database of studies.

    Args:
        url: `sqlite:///file.db` or `postgresql+psycopg://user@host/database`.
        create: Create the SQLite file and the tables if they are missing; else that is an error.

    Raises:
        StorageError: If the URL is none of these, or the database cannot be opened or is of
            another kind.
    """
    parsed = _parse(url)
    # Without its query, which may hold a password too.
    name = parsed.set(query={}).render_as_string(hide_password=True)
    with _explained(name):
        if parsed.get_backend_name() == "sqlite":
            _check_file(Path(str(parsed.database)), create)
        rdb = _open_rdb(parsed, create, name)
        return Store(optuna.storages.get_storage(rdb), rdb.engine, name)


def _parse(url: str) -> URL:
    rule = "a storage is sqlite:///file.db or postgresql+psycopg://user@host/database"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        # Not repeated: what looks like no URL may still hold a password.
        raise StorageError(f"{rule}; the one given is no URL") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        if "@" in (parsed.host or ""):
            # What follows the first @ would be shown as the host.
            raise StorageError(f"{rule}; write an @ of the password as %40")
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StorageError(f"{rule}; {backend!r} is neither")
    # With `uri` SQLite reads further settings from the name, `mode=memory` among them.
    if parsed.database in (None, "", ":memory:") or "uri" in parsed.query:
        raise StorageError("a storage in memory would lose the study; use sqlite:///file.db")
    return parsed.set(drivername="sqlite")


def _check_file(path: Path, create: bool) -> None:
    """Raise StorageError with a better reason than SQLite's where that is easy to tell."""
    if path.is_dir():
        raise StorageError(f"{path} is a folder; name a file in it, as {path / 'accelfront.db'}")
    if not path.parent.is_dir():
        raise StorageError(f"the folder {path.parent} does not exist; create it first")
    if not path.exists() and not create:
        raise StorageError(f"there is no database {path}; `accelfront study` makes one")
    if path.exists():
        if not path.is_file():
            # A pipe would be waited for without end.
            raise StorageError(f"{path} is no regular file; name another one")
        with path.open("rb") as file:
            start = file.read(len(SQLITE_HEADER))
        # SQLite takes a short file of any kind for an empty database, and overwrites it.
        if start and start != SQLITE_HEADER:
            raise StorageError(f"{path} is no SQLite database; name another file")


def _open_rdb(url: URL, create: bool, name: str) -> RDBStorage:
    # Without a pool, so that a worker never holds more connections than its own pool does.
    probe = create_engine(url, poolclass=NullPool, connect_args=_connect_args(url))
    try:
        version = schema_version(probe)
        if version is None:
            if not create:
                raise StorageError(f"{name} holds no studies; `accelfront study` makes some")
            with creation_lock(probe):
                version = schema_version(probe)
                if version is None:
                    rdb = _rdb(url, skip_table_creation=False)
                    create_tables(rdb.engine)
                    return rdb
        require_version(version)
        if create:
            add_missing_tables(probe)
    finally:
        probe.dispose()
    return _rdb(url, skip_table_creation=True)


def _rdb(url: URL, skip_table_creation: bool) -> RDBStorage:
    # Optuna fills braces in, so those of a password are doubled.
    text = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return RDBStorage(
            text,
            engine_kwargs={
                # The worker and its heartbeat take a connection each.
                "pool_size": 2,
                "max_overflow": 0,
                "pool_pre_ping": True,
                "pool_recycle": 300,
                "connect_args": _connect_args(url),
            },
            heartbeat_interval=HEARTBEAT_S,
            grace_period=GRACE_S,
            skip_table_creation=skip_table_creation,
        )


def _connect_args(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": LOCK_TIMEOUT_S}
    return {"connect_timeout": CONNECT_TIMEOUT_S}


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what goes wrong while opening into a StorageError without credentials."""
    try:
        yield
    except NoSuchModuleError as error:
        raise StorageError(f"no driver for {name}: {error}") from error
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StorageError(
            f"cannot open {name}: {reason}; is it a database, and may you write to it?"
        ) from error
    except SQLAlchemyError as error:
        raise StorageError(f"cannot open {name}: {error}") from error
    except OSError as error:
        raise StorageError(f"cannot open {name}: {error.strerror}") from error
    except RuntimeError as error:
        # Optuna's word on a schema of another version; names `optuna storage upgrade`.
        raise StorageError(f"cannot open {name}: {error}") from error
