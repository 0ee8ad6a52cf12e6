"""What a database's errors mean: whether waiting may help, and the reason in words."""

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
"""All errors that a database raises, through SQLAlchemy or through Optuna."""

PASSING_ON_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}
"""Errors that pass when another writer ends, or when somebody makes room on the disk."""

REFUSALS = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "pg_hba.conf",
    "not permitted",
)
"""Answers to a connection attempt that show that the server is up and will refuse again. They bear
no error code, as libpq keeps none for a connection that was never made."""


def is_passing(error: BaseException) -> bool:
    """Whether waiting may help: the database is away or busy, and has no other fault."""
    cause = _cause(error)
    if isinstance(cause, PoolTimeoutError | PendingRollbackError):
        # The second comes after a connection was lost in the middle of a transaction.
        return True
    if not isinstance(cause, DBAPIError):
        return False
    if isinstance(cause.orig, sqlite3.Error):
        # The lower bits hold the primary code; the upper bits only refine it.
        return getattr(cause.orig, "sqlite_errorcode", 0) & 0xFF in PASSING_ON_SQLITE
    if any(words in str(cause.orig) for words in REFUSALS):
        return False
    return cause.connection_invalidated or isinstance(cause, OperationalError | InterfaceError)


def reason(error: BaseException) -> str:
    """The first line of the database's own message; SQLAlchemy would add the statement."""
    cause = _cause(error)
    text = str(cause.orig if isinstance(cause, DBAPIError) else cause).strip()
    return text.splitlines()[0] if text else type(cause).__name__


def _cause(error: BaseException) -> BaseException:
    """Optuna wraps SQLAlchemy's errors."""
    return (error.__cause__ or error) if isinstance(error, StorageInternalError) else error
