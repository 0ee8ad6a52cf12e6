"""The trials that measure a known point again: timed again, or confirmed on unseen prompts.

Each repeats a point, so it does not count as one. It has a claim and a heartbeat like every trial,
so workers share them out, and nothing is lost if one dies.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from storage.reading.studies import read_study
from storage.records.measurement import Kind, Measurement, Remeasured
from storage.records.points import by_stored_names
from storage.records.record import rounded
from storage.records.study import Study
from storage.records.trial import Trial
from storage.study_store import attributes as keys
from storage.study_store.handle import StudyHandle


class RemeasurementTrials:
    """The remeasurements of one study, as this process writes them."""

    def __init__(self, handle: StudyHandle) -> None:
        """Write nothing yet."""
        self._handle = handle

    def begin(self, key: str, first: Trial, is_done: Callable[[Study], bool]) -> int | None:
        """Begin a trial that measures a point again.

        Args:
            key: The key to claim.
            first: The point.
            is_done: Whether a study already has this remeasurement.

        Returns:
            Its number in the database; None if another worker has claimed it, now or before.
        """
        handle = self._handle
        known = handle.retry(handle.trials)[first.number]
        trial = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=known.params,
            distributions=known.distributions,
            user_attrs={keys.POINT: by_stored_names(first.params), keys.DUPLICATE_OF: first.number},
        )
        trial_id = handle.retry(lambda: handle.database.optuna.create_new_trial(handle.id, trial))
        number = self._number(trial_id)

        def take() -> bool:
            taken = handle.claim(trial_id, number, key)
            # Another worker may have taken and finished it meanwhile.
            return taken and not is_done(read_study(handle.study))

        if handle.retry(take):
            return trial_id
        self._end(trial_id, TrialState.FAIL)
        return None

    def heartbeat(self, trial_id: int) -> AbstractContextManager[None]:
        """As `PointTrials.heartbeat`."""
        return self._handle.heartbeat(trial_id)

    def keep(self, trial_id: int, kind: Kind, measurement: Measurement) -> None:
        """Store what was found, unless the worker was given up for dead meanwhile."""
        self._handle.retry(self._handle.require)
        kept = Remeasured.model_validate(rounded(measurement.as_json()) | {"look": kind})
        self._note(trial_id, keys.MEASUREMENT, kept.as_json())
        self._end(trial_id, TrialState.PRUNED)

    def fail(self, trial_id: int, reason: str, own_fault: bool = False) -> None:
        """Note why there is nothing to store, and leave the remeasurement to another run.

        Args:
            trial_id: The number that `begin` returned.
            reason: Why.
            own_fault: Whether it would fail again; if so, no other run tries it.
        """
        self._note(trial_id, keys.REASON, reason)
        if own_fault:
            self._note(trial_id, keys.FAULT, self._handle.versions)
        self._end(trial_id, TrialState.FAIL, keeps_claim=own_fault)

    def _note(self, trial_id: int, name: str, value: object) -> None:
        with suppress(UpdateFinishedTrialError):
            self._handle.retry(lambda: self._handle.set_attribute(trial_id, name, value))

    def _end(self, trial_id: int, state: TrialState, keeps_claim: bool = False) -> None:
        """End the trial: without values, as it is no point of its own and samplers ignore it."""
        handle = self._handle
        with suppress(UpdateFinishedTrialError):
            handle.retry(lambda: handle.database.optuna.set_trial_state_values(trial_id, state))
        if not keeps_claim:
            number = self._number(trial_id)
            handle.retry(lambda: handle.release(number))

    def _number(self, trial_id: int) -> int:
        return self._handle.retry(lambda: self._handle.trial(trial_id)).number
