"""Whose fault a failure is: the point's own, or something outside that another run may not meet."""

from __future__ import annotations

import torch
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

OUTSIDE = (OSError, MemoryError, torch.OutOfMemoryError, SQLAlchemyError, StorageInternalError)
"""Disks, networks, databases, and memory that something else may have taken."""


def is_own_fault(error: Exception) -> bool:
    """Whether a point would fail again on the same versions, as far as its error tells.

    Args:
        error: What measuring it raised.
    """
    # Libraries tell of memory by a plain RuntimeError too.
    return not isinstance(error, OUTSIDE) and "out of memory" not in str(error).lower()


def first_line(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
