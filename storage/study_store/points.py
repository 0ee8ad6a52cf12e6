"""The trials that measure a point: asked for, claimed, kept, repeated, failed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from storage.errors import StorageError
from storage.reading.trials import measured
from storage.records.budgets import figure
from storage.records.measurement import Measurement
from storage.records.points import by_stored_names, point_key
from storage.records.record import rounded
from storage.records.trial import Point
from storage.study_store import attributes as keys
from storage.study_store.artifacts import artifact_folder, keep_picture
from storage.study_store.handle import StudyHandle


def ask(
    study: optuna.Study, sampler: BaseSampler, distributions: dict[str, BaseDistribution]
) -> optuna.Trial:
    """Begin a trial with the point that a sampler chooses."""
    study.sampler = sampler
    with warnings.catch_warnings():
        # Optuna expects heartbeats only from its own loop; ours are `StudyHandle.heartbeat`.
        warnings.filterwarnings("ignore", "Heartbeat of storage", UserWarning)
        return study.ask(distributions)


class PointTrials:
    """The trials of the search, as this process writes them.

    Attributes:
        unkept: Why pictures of a trial could not be kept; None if all were.
    """

    def __init__(self, handle: StudyHandle) -> None:
        """Write nothing yet."""
        self._handle = handle
        self._pictures = artifact_folder(handle.database)
        self.unkept: str | None = None

    def claim(self, trial: optuna.Trial, point: Point, wanted: int) -> bool:
        """Take a proposed point for this process.

        Args:
            trial: The trial that proposed it.
            point: The point.
            wanted: How many points the study is to have measured in full.

        Returns:
            False if the point is taken already, if others measure all wanted points, or if the
            trial was given up for dead meanwhile.
        """
        handle = self._handle

        def take() -> bool:
            handle.require()
            trial.set_user_attr(keys.POINT, by_stored_names(point))
            return handle.claim(trial._trial_id, trial.number, point_key(point), wanted)

        try:
            return handle.retry(take)
        except UpdateFinishedTrialError:
            return False

    def heartbeat(self, trial: optuna.Trial) -> AbstractContextManager[None]:
        """Return a context in which the trial has a heartbeat."""
        return self._handle.heartbeat(trial._trial_id)

    def keep(
        self,
        trial: optuna.Trial,
        measurement: Measurement,
        sampling_s: float,
        pictures: Mapping[str, bytes],
    ) -> bool:
        """Store a measured point.

        Args:
            trial: The trial that proposed it.
            measurement: What was measured.
            sampling_s: How long the proposal took.
            pictures: The trial's picture grids, WebP files by name. If they cannot be kept, the
                numbers still are, and `unkept` says why.

        Returns:
            False if the trial was given up for dead meanwhile: the point is another worker's now.
        """
        start = time.perf_counter()
        # Optuna's values, the judgement and what is read back use the same figures.
        measurement = Measurement.model_validate(rounded(measurement.as_json()))
        budgets = self._handle.budgets
        excess = budgets.excess(measurement)

        def note() -> None:
            self._handle.require()
            trial.set_user_attr(keys.FEASIBLE, max(excess.values()) <= 0)
            self._constrain(trial, excess)
            spent = {"sample": sampling_s, "store": time.perf_counter() - start}
            kept = measurement.model_copy(update={"seconds": measurement.seconds | spent})
            trial.set_user_attr(keys.MEASUREMENT, rounded(kept.as_json()))

        try:
            self._handle.retry(note)
            for name, picture in pictures.items():
                self._handle.retry(partial(self._keep_picture, trial, name, picture))
        except UpdateFinishedTrialError:
            return False
        # Last, as it makes the trial count: a worker killed before leaves no half a point.
        if measurement.stopped_early:
            return self._finish(trial, TrialState.PRUNED)
        loss = figure(measurement, budgets.loss)
        assert loss is not None  # The protocol has that metric.
        values = [measurement.speedup, loss.value]
        return self._finish(trial, TrialState.COMPLETE, values)

    def repeat(self, trial: optuna.Trial, first: int | None) -> None:
        """Report a known point again with its stored values: it costs and counts nothing.

        Args:
            trial: The trial that proposed it.
            first: Number of the trial that has the point; None if that is not known yet.
        """

        def mark() -> Sequence[float] | None:
            trial.set_user_attr(keys.DUPLICATE_OF, first)
            known = None if first is None else self._handle.trials()[first]
            if known is None or known.state != TrialState.COMPLETE:
                return None
            measurement = measured(known)
            if measurement is not None:
                self._constrain(trial, self._handle.budgets.excess(measurement))
            values: list[float] = known.values
            return values

        try:
            values = self._handle.retry(mark)
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
            own_fault: Whether it would fail again; if so, it is not freed.
        """

        def note() -> None:
            trial.set_user_attr(keys.REASON, reason)
            if own_fault:
                trial.set_user_attr(keys.FAULT, self._handle.versions)

        with suppress(UpdateFinishedTrialError):
            self._handle.retry(note)
        if self._finish(trial, TrialState.FAIL) and not own_fault:
            self._handle.retry(lambda: self._handle.release(trial.number))

    def _finish(
        self, trial: optuna.Trial, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """End a trial; False if another worker ended it in another state."""

        def finish() -> bool:
            ended = self._handle.trial(trial._trial_id).state
            if not ended.is_finished():
                self._handle.study.tell(trial, values, state)
                return True
            # By an earlier try of ours, or by a worker that took this one for dead.
            return ended == state

        try:
            return self._handle.retry(finish)
        except UpdateFinishedTrialError:
            return False

    def _constrain(self, trial: optuna.Trial, excess: Mapping[str, float]) -> None:
        for name, beyond in excess.items():
            trial.set_constraint(name, beyond)

    def _keep_picture(self, trial: optuna.Trial, name: str, picture: bytes) -> None:
        try:
            keep_picture(self._pictures, trial, name, picture)
        except StorageError as error:
            self.unkept = str(error)
