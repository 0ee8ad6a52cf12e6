"""Opening a database."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy import URL, Engine, NullPool, create_engine
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from storage.database.faults import reason
from storage.database.retry import DatabaseRetry
from storage.database.schema import (
    add_missing_tables,
    create_tables,
    creation_lock,
    require_version,
    schema_version,
)
from storage.database.urls import parse_url, shown_url, without_secrets
from storage.errors import DatabaseFailedError, NoDatabaseError, StorageError

HEARTBEAT_S = 30
"""How often a worker says that its trial is alive."""

GRACE_S = 150
"""A worker that was silent for this long is dead. Five beats, so that a stall is no death."""

SQLITE_HEADER = b"SQLite format 3\0"

CONNECT_TIMEOUT_S = 10
"""How long a Postgres server may take to answer."""

LOCK_TIMEOUT_S = 60
"""How long a writer waits for another one on SQLite."""


@dataclass(frozen=True)
class Store:
    """An open database. One per process, as each holds a pool of connections.

    Attributes:
        optuna: For `optuna.create_study` and `optuna.load_study`.
        engine: For our own tables, on the same pool.
        name: The URL without its password, for people.
    """

    optuna: BaseStorage
    engine: Engine
    name: str


def open_store(url: str, create: bool = False, tell: Callable[[str], None] | None = None) -> Store:
    """Open a database of studies.

    Args:
        url: `sqlite:///file.db` or `postgresql+psycopg://user@host/database`.
        create: Create the SQLite file and the tables if they are missing; otherwise fail.
        tell: Wait for a database that is away, and report the wait here; None fails at once.

    Raises:
        StorageError: If the URL is neither, or if the database cannot be opened or is of another
            kind.
        DatabaseFailedError: If it stayed away for as long as we wait.
    """
    parsed = parse_url(url)
    name = shown_url(parsed)

    def open_it() -> Store:
        rdb = _open_rdb(parsed, create, name)
        return Store(optuna.storages.get_storage(rdb), rdb.engine, name)

    with _explained(name, parsed):
        if parsed.get_backend_name() == "sqlite":
            _check_file(Path(str(parsed.database)), create)
        return open_it() if tell is None else DatabaseRetry(tell)(open_it)


def empty_store(name: str) -> Store:
    """Return a store without studies or a file, in place of one that nobody has made yet."""
    rdb = optuna.storages.RDBStorage("sqlite://")
    return Store(rdb, rdb.engine, name)


def _check_file(path: Path, create: bool) -> None:
    """Raise StorageError with a better reason than SQLite's where there is an easy one."""
    if path.is_dir():
        raise StorageError(f"{path} is a folder; name a file in it, as {path / 'accelfront.db'}")
    if not path.parent.is_dir():
        raise StorageError(f"the folder {path.parent} does not exist; create it first")
    if not path.exists() and not create:
        raise NoDatabaseError(f"there is no database {path}; `accelfront study` makes one")
    if path.exists():
        if not path.is_file():
            # Opening a pipe would wait forever.
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
    # Optuna fills in braces, so those of a password are doubled.
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
def _explained(name: str, url: URL) -> Iterator[None]:
    """Turn a failure to open into an error without credentials."""
    try:
        yield
    except NoSuchModuleError as error:
        raise StorageError(f"no driver for {name}: {error}") from error
    except DatabaseFailedError as error:
        raise DatabaseFailedError(f"{name} {without_secrets(str(error), url)}") from error
    except SQLAlchemyError as error:
        hint = (
            "is it a database, and may you write to it?"
            if url.get_backend_name() == "sqlite"
            else "does the server run, and is this its address?"
        )
        told = without_secrets(reason(error), url)
        raise StorageError(f"cannot open {name}: {told}; {hint}") from error
    except UnicodeDecodeError as error:
        # SQLite's own message about a schema that a damaged file has made unreadable.
        raise StorageError(f"cannot open {name}: it is damaged; restore it from a copy") from error
    except OSError as error:
        raise StorageError(f"cannot open {name}: {error.strerror}") from error
    except RuntimeError as error:
        # Optuna's message about a schema of another version; names `optuna storage upgrade`.
        raise StorageError(f"cannot open {name}: {error}") from error
