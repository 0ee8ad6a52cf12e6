"""The ledger: one study in the database, and everything that is written to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.trial import TrialState

from objectives.environment import version_drift
from objectives.measurement import Measurement
from storage.database.opening import Store
from storage.database.retry import DatabaseRetry
from storage.errors import StorageError
from storage.reading.studies import read_study
from storage.reading.trials import given_up
from storage.records.budgets import Budgets
from storage.records.points import point_key
from storage.records.study import StudyRecord
from storage.study_store import attributes as keys
from storage.study_store.artifacts import artifact_folder, keep_picture
from storage.study_store.attributes import FAULT
from storage.study_store.claims import claim, list_claims, release
from storage.study_store.deletions import shares_number
from storage.study_store.failures import read_failures
from storage.study_store.heartbeat import heartbeat
from storage.study_store.recovery import recover
from storage.study_store.rounding import rounded
from studies.note import refresh_note, study_note
from studies.plan import Plan
from studies.run.deletion import deleted
from studies.run.opening import open_study
from studies.search.samplers import Proposal

PICTURE_NAME = "baseline-above-accelerated-below.webp"


class Ledger:
    """One study as this process reads and writes it.

    Every method waits for a database that is away, and may be repeated.

    Attributes:
        retry: How it waits.
        store: The database.
        study: The study in it.
        id: The study's number in it; another study's once this one is deleted.
        identity: What no other study has.
        budgets: What this run allows.
        unkept: Why pictures of a trial could not be kept; None if all were.
    """

    def __init__(
        self, plan: Plan, store: Store, tell: Callable[[str], None] = lambda words: None
    ) -> None:
        """Create the study, or open it to go on.

        Args:
            plan: What is to be run.
            store: Where it is kept.
            tell: Told in words that the database is waited for.

        Raises:
            StorageError: If what is kept of the study is not as accelfront keeps it.
            StudyRefusedError: If it was begun with other library versions or another space.
        """
        self.retry = DatabaseRetry(tell)
        self._plan = plan
        self.store = store
        self._pictures = artifact_folder(store)
        self.unkept: str | None = None
        self.study = self.retry(lambda: open_study(plan, store))
        self.identity = self.retry(lambda: self.study.user_attrs[keys.IDENTITY])
        self.budgets = self.study_budgets
        if plan.request.budget_use == "run" and plan.request.loss_budget is not None:
            self.budgets = self.budgets.with_loss(plan.request.loss_budget)
        self.id: int = self.study._study_id
        self.retry(lambda: recover(self.study, store, begun=False))

    @property
    def study_budgets(self) -> Budgets:
        """The study's own budgets; what is stored of a trial goes by them, whoever measured it.

        Read anew each time, as a command elsewhere may set other ones.
        """
        attributes = self.retry(lambda: self.study.user_attrs)
        return Budgets(attributes[keys.LOSS_BUDGET], attributes.get(keys.BUDGETS, {}))

    def read(self) -> StudyRecord:
        """The study as it is stored now, after what dead workers left was put right."""

        def read() -> StudyRecord:
            self.require_study()
            recover(self.study, self.store)
            failed = read_failures(self.store.engine, [self.id])[self.id]
            return replace(read_study(self.study), failed=failed)

        return self.retry(read)

    def require_study(self) -> None:
        """Raise StudyFailedError if the study was deleted, whoever has its number now."""
        if self.study.user_attrs.get(keys.IDENTITY) != self.identity:
            raise deleted(self.study.study_name)

    def require_own_number(self, trial_id: int) -> None:
        """Raise StudyFailedError if another trial has the same number, after some were deleted."""
        if shares_number(self.store.engine, trial_id):
            self.study._storage.set_trial_state_values(trial_id, TrialState.FAIL)
            raise deleted(self.study.study_name)

    def taken(self) -> dict[str, int]:
        """Trial number by key of the points that are measured or under way."""
        held = self.retry(lambda: list_claims(self.store.engine, self.id))
        return {each.point: each.trial_number for each in held}

    def under_way(self) -> int:
        """How many points workers measure now; a trial without a point is none yet."""
        return self._claimed(TrialState.RUNNING)

    def given_up(self) -> int:
        """How many points were given up early."""
        return self._claimed(TrialState.PRUNED)

    def reconsider(self, hopeless: Callable[[Mapping[str, Any]], bool]) -> None:
        """Free the points given up early that are not hopeless any more, to be measured in full.

        Args:
            hopeless: Tells by what was measured of a point.
        """

        def free() -> None:
            trials = self.study.get_trials(deepcopy=False, states=[TrialState.PRUNED])
            for trial in trials:
                known = given_up(trial)
                if known is not None and not hopeless(known):
                    release(self.store.engine, self.id, trial.number)

        self.retry(free)

    def free_failed(self) -> None:
        """Free what failed for reasons of its own with other versions, or all that is asked for."""

        def free() -> None:
            for trial in self.study.get_trials(deepcopy=False, states=[TrialState.FAIL]):
                met = trial.user_attrs.get(FAULT, self.versions)
                if version_drift(met, self.versions) or self._plan.request.retry_failed:
                    release(self.store.engine, self.id, trial.number)

        self.retry(free)

    @property
    def versions(self) -> dict[str, str]:
        """Of the libraries of this process."""
        return self._plan.environment.versions

    def _claimed(self, state: TrialState) -> int:
        """How many trials of a state hold a claim, second looks left out."""
        # In this order, as a claim is never younger than its trial.
        trials = self.retry(lambda: self.study.get_trials(deepcopy=False, states=[state]))
        claimed = set(self.taken().values())
        own = [trial for trial in trials if keys.DUPLICATE_OF not in trial.user_attrs]
        return sum(trial.number in claimed for trial in own)

    def claim(self, proposal: Proposal, wanted: int) -> bool:
        """Take a proposed point for this process.

        Args:
            proposal: The trial and its point.
            wanted: How many points the study is to have measured in full.

        Returns:
            False if the point is taken already, if others measure all that is wanted, or if the
            trial was given up for dead meanwhile.
        """
        trial = proposal.trial

        def take() -> bool:
            self.require_study()
            self.require_own_number(trial._trial_id)
            trial.set_user_attr(keys.POINT, proposal.point)
            # Before the claim: one without a heartbeat could not be told from a dead worker's.
            self.heart.record_heartbeat(trial._trial_id)
            key = point_key(proposal.point)
            return claim(self.store.engine, self.id, key, trial.number, wanted)

        try:
            return self.retry(take)
        except UpdateFinishedTrialError:
            return False

    @property
    def heart(self) -> BaseHeartbeat:
        """Where trials say that their workers live."""
        storage = self.store.optuna
        assert isinstance(storage, BaseHeartbeat)  # `open_store` gives it an interval.
        return storage

    def heartbeat(self, trial: optuna.Trial) -> AbstractContextManager[None]:
        """A context in which the trial says regularly that its worker lives."""
        # Optuna starts heartbeats in `optimize` only, and its loop knows no points.
        return heartbeat(self.heart, trial._trial_id)

    def refresh_note(self, record: StudyRecord) -> None:
        """Say in the study's note what it has found so far and how to go on."""
        note = study_note(self._plan, record, self.store.name)
        self.retry(lambda: refresh_note(self.study, note))

    def doubt(self, doubt: str) -> None:
        """Keep why a small loss says little in this study; empty if there is no reason."""
        self.retry(lambda: self.study.set_user_attr(keys.DOUBT, doubt))

    def keep(
        self,
        trial: optuna.Trial,
        measurement: Measurement,
        sampling_s: float,
        picture: bytes | None,
    ) -> bool:
        """Store a measured point.

        Args:
            trial: The trial that proposed it.
            measurement: What was measured.
            sampling_s: How long the proposal took.
            picture: The trial's picture grid, a WebP file. Where it cannot be kept the numbers are,
                and `unkept` says why.

        Returns:
            False if the trial was given up for dead meanwhile: the point is another worker's now.
        """
        start = time.perf_counter()
        content = measurement.model_dump()
        excess = self.study_budgets.excess(content)

        def note() -> None:
            self.require_study()
            trial.set_user_attr(keys.FEASIBLE, max(excess.values()) <= 0)
            for name, beyond in excess.items():
                trial.set_constraint(name, beyond)
            content["seconds"] |= {"sample": sampling_s, "store": time.perf_counter() - start}
            trial.set_user_attr(keys.MEASUREMENT, rounded(content))

        try:
            self.retry(note)
            if picture is not None:
                self.retry(lambda: self._keep_picture(trial, picture))
        except UpdateFinishedTrialError:
            return False
        # Last, as it makes the trial count: a worker killed before leaves no half a point.
        if measurement.stopped_early:
            return self._finish(trial, TrialState.PRUNED)
        values = [measurement.speedup, measurement.clip_loss]
        return self._finish(trial, TrialState.COMPLETE, values)

    def _finish(
        self, trial: optuna.Trial, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Bring a trial to its end; False if others brought it to another one."""

        def finish() -> bool:
            ended = self.study._storage.get_trial(trial._trial_id).state
            if not ended.is_finished():
                self.study.tell(trial, values, state)
                return True
            # By an earlier try of ours, or by who took this worker for dead.
            return ended == state

        try:
            return self.retry(finish)
        except UpdateFinishedTrialError:
            return False

    def _keep_picture(self, trial: optuna.Trial, picture: bytes) -> None:
        try:
            keep_picture(self._pictures, trial, PICTURE_NAME, picture)
        except StorageError as error:
            self.unkept = str(error)

    def repeat(self, trial: optuna.Trial, first: int | None) -> None:
        """Tell a known point again with its stored values: it costs and counts nothing.

        Args:
            trial: The trial that proposed it.
            first: Number of the trial that has the point; None if that is not known yet.
        """

        def mark() -> Sequence[float] | None:
            trial.set_user_attr(keys.DUPLICATE_OF, first)
            known = None if first is None else self.study.get_trials(deepcopy=False)[first]
            if known is None or known.state != TrialState.COMPLETE:
                return None
            measured = known.user_attrs[keys.MEASUREMENT]
            for name, beyond in self.study_budgets.excess(measured).items():
                trial.set_constraint(name, beyond)
            values: list[float] = known.values
            return values

        try:
            values = self.retry(mark)
        except UpdateFinishedTrialError:
            return
        # Without values: given up early, failed in this run, or under way in another worker.
        state = TrialState.PRUNED if values is None else TrialState.COMPLETE
        self._finish(trial, state, values)

    def fail(self, trial: optuna.Trial, reason: str, own_fault: bool = False) -> None:
        """Note why a point could not be measured, and free it for another run.

        Args:
            trial: The trial that proposed it.
            reason: Why.
            own_fault: Whether it would fail again; it is not freed then.
        """

        def note() -> None:
            trial.set_user_attr(keys.REASON, reason)
            if own_fault:
                trial.set_user_attr(FAULT, self.versions)

        with suppress(UpdateFinishedTrialError):
            self.retry(note)
        if self._finish(trial, TrialState.FAIL) and not own_fault:
            self.retry(lambda: release(self.store.engine, self.id, trial.number))
