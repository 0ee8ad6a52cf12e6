"""Waiting for a database that is away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay
from tenacity import wait_random_exponential as wait_random

from storage.database.faults import DATABASE_ERRORS, is_passing, reason
from storage.errors import DatabaseFailedError

WAIT_S = 120
"""How long a worker waits for the database; less than the grace after which it counts as dead."""

MAX_PAUSE_S = 5

Result = TypeVar("Result")


class DatabaseRetry:
    """Repeats calls that failed because the database was away, for a bounded time.

    Attributes:
        tell: Called once with a message when a wait begins.
    """

    def __init__(self, tell: Callable[[str], None] = lambda words: None) -> None:
        self.tell = tell

    def __call__(self, act: Callable[[], Result]) -> Result:
        """Repeat an action until the database accepts it.

        Args:
            act: Reads, or makes writes that may be repeated: a failed commit may have come
                through or not.

        Raises:
            DatabaseFailedError: If the database stayed away.
            SQLAlchemyError, StorageInternalError: If it has a fault that waiting cannot mend.
        """
        retrying = Retrying(
            retry=retry_if_exception(is_passing),
            stop=stop_after_delay(WAIT_S),
            wait=wait_random(0.5, MAX_PAUSE_S),
            before_sleep=self._tell,
            reraise=True,
        )
        start = time.monotonic()
        try:
            return retrying(act)
        except DATABASE_ERRORS as error:
            if not is_passing(error):
                raise
            waited = time.monotonic() - start
            raise DatabaseFailedError(
                f"did not answer for {waited:.0f} s: {reason(error)}"
            ) from error

    def _tell(self, state: RetryCallState) -> None:
        """Say once that it waits: where lines stay on the screen, each try would add one."""
        if state.attempt_number > 1:
            return
        error = state.outcome and state.outcome.exception()
        words = f" ({reason(error)})" if error else ""
        self.tell(f"the database does not answer{words}; waiting for up to {WAIT_S} s")
