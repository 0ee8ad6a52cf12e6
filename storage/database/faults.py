"""What a database's own errors mean: whether waiting may mend them, and in words."""

from __future__ import annotations

import sqlite3

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

DATABASE_ERRORS = (SQLAlchemyError, StorageInternalError)
"""All that a database raises, through SQLAlchemy or through Optuna."""

PASSING_ON_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}
"""What passes when another writer ends, or when somebody makes room on the disk."""

REFUSALS = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "pg_hba.conf",
    "not permitted",
)
"""A server that says one of these on connecting is there, and will say so again. Its answers bear
no code, as libpq keeps none of a connection that was never made."""


def is_passing(error: BaseException) -> bool:
    """Whether waiting may mend it: the database is away or busy, and has no other fault."""
    cause = _cause(error)
    if isinstance(cause, PoolTimeoutError | PendingRollbackError):
        # The second comes after a connection that was lost in the middle of a transaction.
        return True
    if not isinstance(cause, DBAPIError):
        return False
    if isinstance(cause.orig, sqlite3.Error):
        # The upper bits say more than is asked for.
        return getattr(cause.orig, "sqlite_errorcode", 0) & 0xFF in PASSING_ON_SQLITE
    if any(words in str(cause.orig) for words in REFUSALS):
        return False
    return cause.connection_invalidated or isinstance(cause, OperationalError | InterfaceError)


def reason(error: BaseException) -> str:
    """The database's own first line; SQLAlchemy would add the statement."""
    cause = _cause(error)
    text = str(cause.orig if isinstance(cause, DBAPIError) else cause).strip()
    return text.splitlines()[0] if text else type(cause).__name__


def _cause(error: BaseException) -> BaseException:
    """Optuna wraps SQLAlchemy's errors."""
    return (error.__cause__ or error) if isinstance(error, StorageInternalError) else error
