"""One open study: its trials' attributes, claims and heartbeats, written one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from storage.database.opening import Store
from storage.database.retry import DatabaseRetry
from storage.records.budgets import CLIP_LOSS, Budgets
from storage.study_store import attributes as keys
from storage.study_store.claims import claim, release
from storage.study_store.deletions import deleted, shares_number


class StudyHandle:
    """A study that this process has open. All its writes may be repeated.

    Attributes:
        database: The study's database.
        study: The study.
        retry: Waits for a database that is away; all reads and writes here go through it.
        versions: Versions of this process's libraries.
        id: The study's number in the database; another study may get it once this one is deleted.
        identity: A value that no other study has.
    """

    def __init__(
        self, database: Store, study: optuna.Study, retry: DatabaseRetry, versions: dict[str, str]
    ) -> None:
        self.database = database
        self.study = study
        self.retry = retry
        self.versions = versions
        self.id: int = study._study_id
        self.identity = retry(lambda: study.user_attrs[keys.IDENTITY])

    @property
    def budgets(self) -> Budgets:
        """The study's budgets; they apply to whatever is stored of a trial, whoever measured it.

        Read anew each time, as another command may change them.
        """
        attributes = self.retry(lambda: self.study.user_attrs)
        loss = attributes[keys.PROTOCOL].get("loss", CLIP_LOSS)
        return Budgets(attributes[keys.LOSS_BUDGET], attributes.get(keys.BUDGETS, {}), loss)

    def require(self) -> None:
        """Raise StudyDeletedError if the study was deleted, even if another has its number now."""
        if self.study.user_attrs.get(keys.IDENTITY) != self.identity:
            raise deleted(self.study.study_name)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The trials in these states; of all states if none is given."""
        return self.study.get_trials(deepcopy=False, states=states or None)

    def trial(self, trial_id: int) -> FrozenTrial:
        """One trial as it is stored now."""
        return self.database.optuna.get_trial(trial_id)

    def claim(self, trial_id: int, number: int, key: str, limit: int | None = None) -> bool:
        """Take a point, or a remeasurement of one, for a trial of this process.

        Args:
            trial_id: Optuna's number of the trial in the database.
            number: The trial's number in its study.
            key: The key to claim.
            limit: As `claims.claim` takes it.

        Raises:
            StudyDeletedError: If another trial has the same number, after some were deleted.
        """
        if shares_number(self.database.engine, trial_id):
            self.database.optuna.set_trial_state_values(trial_id, TrialState.FAIL)
            raise deleted(self.study.study_name)
        # Before the claim: without a heartbeat it would look like a dead worker's.
        self._heart.record_heartbeat(trial_id)
        return claim(self.database.engine, self.id, key, number, limit)

    def release(self, number: int) -> None:
        """Give back the claim of a trial, if it has one."""
        release(self.database.engine, self.id, number)

    def set_attribute(self, trial_id: int, name: str, value: object) -> None:
        """Keep a user attribute of a running trial."""
        self.database.optuna.set_trial_user_attr(trial_id, name, value)

    @contextmanager
    def heartbeat(self, trial_id: int) -> Iterator[None]:
        """Beat from a thread while a trial's worker lives: otherwise others take it for dead.

        Optuna starts heartbeats only in `optimize`, whose loop knows no points; and its own thread
        ends at the first beat that the database does not take.
        """
        ended = threading.Event()
        heart = self._heart

        def beat() -> None:
            while not ended.wait(heart.get_heartbeat_interval()):
                with suppress(SQLAlchemyError, StorageInternalError):
                    heart.record_heartbeat(trial_id)

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    @property
    def _heart(self) -> BaseHeartbeat:
        """The storage as one that takes heartbeats."""
        storage = self.database.optuna
        assert isinstance(storage, BaseHeartbeat)  # `open_store` gives it an interval.
        return storage
