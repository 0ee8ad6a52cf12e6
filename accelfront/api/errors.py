"""The one exception of the Python interface, with the words of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from accelfront.faults import fault_of


class AccelfrontError(Exception):
    """A request that cannot be met, or that failed; the text says why and what to do."""


@contextmanager
def told() -> Iterator[None]:
    """Turn errors that were written for people into `AccelfrontError`; others are defects."""
    try:
        yield
    except Exception as error:
        fault = fault_of(error)
        if fault is None:
            raise
        raise AccelfrontError(fault.words) from error
