"""Waiting for a database that is away for a while."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from studies.errors import StudyFailedError

WAIT_S = 120
"""A worker waits so long for the database; less than the grace after which it counts as dead."""

MAX_PAUSE_S = 5

PASSING_ON_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}
"""What passes when another writer ends, or when somebody makes room on the disk."""

Result = TypeVar("Result")


class Patience:
    """Repeats what failed because the database was away, for a bounded time.

    Attributes:
        tell: Told in words that it waits.
    """

    def __init__(self) -> None:
        self.tell: Callable[[str], None] = lambda stage: None

    def __call__(self, act: Callable[[], Result]) -> Result:
        """Do something until the database takes it.

        Args:
            act: Reads, or writes what may be written twice: it is not known of a failed commit
                whether it came through.

        Raises:
            SQLAlchemyError, StorageInternalError: If the database stayed away, or has another
                fault, which no waiting mends.
        """
        retrying = Retrying(
            retry=retry_if_exception(_is_passing),
            stop=stop_after_delay(WAIT_S),
            wait=wait_random_exponential(0.5, MAX_PAUSE_S),
            before_sleep=lambda state: self.tell("the database does not answer; waiting"),
            reraise=True,
        )
        return retrying(act)


@contextmanager
def database_faults_told(name: str) -> Iterator[None]:
    """Turn a database's fault into a StudyFailedError.

    Args:
        name: The database's URL without its password.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        away = f"did not answer for {WAIT_S} s" if _is_passing(error) else "failed"
        raise StudyFailedError(
            f"{name} {away}: {_reason(error)}; what was measured is kept as far as it was "
            "written, and the same command goes on"
        ) from error


def _is_passing(error: BaseException) -> bool:
    cause = _cause(error)
    if isinstance(cause, PoolTimeoutError):
        return True
    if not isinstance(cause, DBAPIError):
        return False
    if isinstance(cause.orig, sqlite3.Error):
        # The upper bits say more than is asked for.
        return getattr(cause.orig, "sqlite_errorcode", 0) & 0xFF in PASSING_ON_SQLITE
    return cause.connection_invalidated or isinstance(cause, OperationalError | InterfaceError)


def _cause(error: BaseException) -> BaseException:
    """Optuna wraps SQLAlchemy's errors."""
    return (error.__cause__ or error) if isinstance(error, StorageInternalError) else error


def _reason(error: BaseException) -> str:
    """The database's own first line; SQLAlchemy would add the statement."""
    cause = _cause(error)
    text = str(cause.orig if isinstance(cause, DBAPIError) else cause).strip()
    return text.splitlines()[0] if text else type(cause).__name__
