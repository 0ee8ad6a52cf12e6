"""How a database's fault ends a study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from storage.database.faults import DATABASE_ERRORS, reason
from storage.errors import DatabaseFailedError
from studies.errors import StudyFailedError


@contextmanager
def database_faults_told(name: str) -> Iterator[None]:
    """Turn a database's fault into a StudyFailedError.

    Args:
        name: The database's URL without its password.
    """
    try:
        yield
    except (DatabaseFailedError, *DATABASE_ERRORS) as error:
        words = str(error) if isinstance(error, DatabaseFailedError) else f"failed: {reason(error)}"
        raise StudyFailedError(
            f"{name} {words}; what was measured is kept as far as it was written, and the same "
            "command goes on"
        ) from error
