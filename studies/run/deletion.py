"""A study, or a trial of it, that somebody deletes while a worker is at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from optuna.storages._rdb.models import NOT_FOUND_MSG

from studies.errors import StudyFailedError


def deleted(study: str) -> StudyFailedError:
    """What a worker ends with when its study or its trial is gone."""
    return StudyFailedError(
        f"{study}, or trials of it, were deleted while this worker was at it; the same command "
        "goes on with what is left, or begins anew"
    )


@contextmanager
def deletions_told(study: str) -> Iterator[None]:
    """Turn what Optuna raises of a row that is not there into a StudyFailedError.

    Args:
        study: The study's name.
    """
    try:
        yield
    except KeyError as error:
        if error.args != (NOT_FOUND_MSG,):
            raise
        raise deleted(study) from error
