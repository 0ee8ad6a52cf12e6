"""A sign of life while a trial runs, so that other workers do not take its worker for dead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from optuna.exceptions import StorageInternalError
from optuna.storages._heartbeat import BaseHeartbeat
from sqlalchemy.exc import SQLAlchemyError


@contextmanager
def heartbeat(storage: BaseHeartbeat, trial_id: int) -> Iterator[None]:
    """Say regularly, from a thread, that a trial's worker lives.

    Optuna's own thread ends at the first beat that the database does not take.

    Args:
        storage: Optuna's storage, with its interval.
        trial_id: Optuna's number of the trial in the database.
    """
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(storage.get_heartbeat_interval()):
            with suppress(SQLAlchemyError, StorageInternalError):
                storage.record_heartbeat(trial_id)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
