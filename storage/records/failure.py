"""Points that failed for reasons of their own."""

from __future__ import annotations

from typing import NamedTuple


class Failure(NamedTuple):
    """A point, or a second look at one, that is not tried again.

    Attributes:
        trial: The trial's number.
        point: The key of what was claimed.
        reason: Why it failed.
    """

    trial: int
    point: str
    reason: str
