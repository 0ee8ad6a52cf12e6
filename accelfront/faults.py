"""Which errors were written for people, and what they say."""

from __future__ import annotations

import errno
from typing import NamedTuple


class Fault(NamedTuple):
    """What an error says to people.

    Attributes:
        words: The message, in one or two lines.
        is_input: Whether the user's input is at fault.
    """

    words: str
    is_input: bool


def fault_of(error: Exception) -> Fault | None:
    """Return what an error says to people; None if it is a defect of ours."""
    # Imported late: the call that raised such an error has loaded its package anyway.
    from accel_space.errors import RefusedError
    from objectives.errors import InputError, MeasurementError
    from storage.database.faults import DATABASE_ERRORS, reason
    from storage.errors import DatabaseFailedError, StorageError
    from studies.errors import StudyFailedError

    if isinstance(error, RefusedError | InputError | StorageError):
        return Fault(str(error), is_input=True)
    if isinstance(error, MeasurementError | StudyFailedError | DatabaseFailedError):
        return Fault(str(error), is_input=False)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Fault("the disk of the output is full; make room there", is_input=False)
    if isinstance(error, DATABASE_ERRORS):
        return Fault(f"the database failed: {reason(error)}", is_input=False)
    return None
