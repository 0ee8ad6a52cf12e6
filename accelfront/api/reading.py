"""Opening a storage from Python."""

from __future__ import annotations

import os
import warnings

from accelfront.api.arguments import checked
from accelfront.api.errors import told
from accelfront.api.study import Study
from accelfront.defaults import DEFAULT_STORAGE, STORAGE_VARIABLE


@checked
def open(storage: str | None = None) -> list[Study]:
    """Read all studies of a storage, by name.

    Args:
        storage: `sqlite:///file.db` or `postgresql+psycopg://user@host/database`; None means
            $ACCELFRONT_STORAGE, or accelfront.db in the working folder.

    Raises:
        AccelfrontError: If there is no such database, or no study in it that can be read.
    """
    from storage.database.opening import open_store
    from storage.reading.studies import read_studies

    with told():
        found = read_studies(open_store(storage_url(storage)), tell=_warn)
    return [Study(record) for record in found]


def storage_url(given: str | None) -> str:
    """The URL of the given storage, or of the default one."""
    return given or os.environ.get(STORAGE_VARIABLE) or DEFAULT_STORAGE


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=5)
