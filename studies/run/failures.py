"""Failures: whether a point itself is at fault, and how a database's fault ends a study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from storage.database.faults import DATABASE_ERRORS, reason
from storage.errors import DatabaseFailedError, StudyDeletedError
from storage.study_store.deletions import raising_deleted
from studies.errors import StudyFailedError

OUTSIDE = (OSError, MemoryError, SQLAlchemyError, StorageInternalError)
"""Faults of disks, networks and databases, and of memory that something else may have taken."""


def is_own_fault(error: Exception) -> bool:
    """Tell from its error whether a point would fail again on the same versions.

    Args:
        error: The error that measuring it raised.
    """
    import torch

    outside = (*OUTSIDE, torch.OutOfMemoryError)
    # Libraries also report memory by a plain RuntimeError.
    return not isinstance(error, outside) and "out of memory" not in str(error).lower()


def first_line(error: Exception) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


@contextmanager
def raising_study_failed(study: str, database: str) -> Iterator[None]:
    """Turn a database's fault, and a deleted study, into a StudyFailedError.

    Args:
        study: The study's name.
        database: The database's URL without its password.
    """
    try:
        with raising_deleted(study):
            yield
    except StudyDeletedError as error:
        raise StudyFailedError(str(error)) from error
    except (DatabaseFailedError, *DATABASE_ERRORS) as error:
        words = str(error) if isinstance(error, DatabaseFailedError) else f"failed: {reason(error)}"
        raise StudyFailedError(
            f"{database} {words}; what was measured is kept as far as it was written, and the same "
            "command resumes the study"
        ) from error
