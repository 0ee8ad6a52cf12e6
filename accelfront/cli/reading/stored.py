"""Reading studies for a command, with notes on stderr about unreadable and foreign ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.database.opening import Store
    from storage.records.study import Study


def read(store: Store, study: str | None = None) -> list[Study]:
    """Read all studies of a database by name, or the named one.

    Raises:
        StorageError: If no study can be read.
    """
    from accelfront.screen.tables import foreign_text
    from storage.reading.studies import read_studies

    def tell(line: str) -> None:
        print(line, file=sys.stderr)

    records = read_studies(store, study, tell)
    for record in records:
        if record.foreign_trials:
            tell(f"{record.name}: {foreign_text(record)}")
    return records
