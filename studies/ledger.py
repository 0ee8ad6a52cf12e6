"""The ledger: one study in the database, and everything that is written to it."""

from __future__ import annotations

import time
import warnings
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages._heartbeat import BaseHeartbeatThread, get_heartbeat_thread
from optuna.study import StudyDirection
from optuna.trial import TrialState

from accel_space.stack import point_key
from objectives.environment import version_drift
from objectives.measurement import Measurement
from storage import records
from storage.claims import claim, list_claims, release
from storage.store import Store
from studies.errors import StudyRefusedError
from studies.plan import DEFAULT_LOSS_BUDGET, Plan
from studies.recovery import recover
from studies.samplers import Proposal


class Ledger:
    """One study as this process reads and writes it."""

    def __init__(self, plan: Plan, store: Store) -> None:
        """Create the study, or open it to go on.

        Raises:
            StudyRefusedError: If it was begun with other library versions or another space.
        """
        self._store = store
        self.study = _open_study(plan, store)
        self.loss_budget: float = self.study.user_attrs[records.LOSS_BUDGET]
        self._id = store.optuna.get_study_id_from_name(self.study.study_name)

    def read(self) -> records.StudyRecord:
        """The study as it is stored now, after what dead workers left was put right."""
        recover(self.study, self._store)
        return records.read_study(self.study)

    def taken(self) -> dict[str, int]:
        """Trial number by key of the points that are measured or under way."""
        return {each.point: each.trial_number for each in list_claims(self._store.engine, self._id)}

    def under_way(self) -> int:
        """How many points workers measure now; a trial without a point is none yet."""
        claimed = set(self.taken().values())
        running = self.study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
        return sum(trial.number in claimed for trial in running)

    def claim(self, proposal: Proposal) -> bool:
        """Take a proposed point for this process; False if it is taken already."""
        proposal.trial.set_user_attr(records.POINT, proposal.point)
        key = point_key(proposal.point)
        return claim(self._store.engine, self._id, key, proposal.trial.number)

    def heartbeat(self, trial: optuna.Trial) -> BaseHeartbeatThread:
        """A context in which the trial says regularly that its worker lives."""
        # Optuna starts heartbeats in `optimize` only, and its loop knows no points.
        return get_heartbeat_thread(trial._trial_id, self.study._storage)

    def keep(self, trial: optuna.Trial, measurement: Measurement, sampling_s: float) -> bool:
        """Store a measured point; False if the trial was given up for dead meanwhile."""
        start = time.perf_counter()
        excess = measurement.clip_loss - self.loss_budget
        content = measurement.model_dump()
        try:
            trial.set_user_attr(records.FEASIBLE, excess <= 0)
            trial.set_constraint("clip_loss", excess)
            content["seconds"] |= {"sample": sampling_s, "store": time.perf_counter() - start}
            trial.set_user_attr(records.MEASUREMENT, content)
            # Last, as it makes the trial count: a worker killed before leaves no half a point.
            if measurement.stopped_early:
                self.study.tell(trial, state=TrialState.PRUNED)
            else:
                self.study.tell(trial, [measurement.speedup, measurement.clip_loss])
        except UpdateFinishedTrialError:
            return False
        return True

    def repeat(self, trial: optuna.Trial, first: int | None) -> None:
        """Tell a known point again with its stored values: it costs and counts nothing.

        Args:
            trial: The trial that proposed it.
            first: Number of the trial that has the point; None if that is not known yet.
        """
        trial.set_user_attr(records.DUPLICATE_OF, first)
        known = None if first is None else self.study.get_trials(deepcopy=False)[first]
        if known is not None and known.state == TrialState.COMPLETE:
            trial.set_constraint("clip_loss", known.values[1] - self.loss_budget)
            self.study.tell(trial, known.values)
        else:
            # Given up early, failed in this run, or under way in another worker.
            self.study.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: optuna.Trial, reason: str) -> None:
        """Note why a point could not be measured, and free it for another run."""
        try:
            trial.set_user_attr(records.REASON, reason)
            self.study.tell(trial, state=TrialState.FAIL)
        except UpdateFinishedTrialError:
            return
        finally:
            release(self._store.engine, self._id, trial.number)


def _open_study(plan: Plan, store: Store) -> optuna.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study = optuna.create_study(
            study_name=plan.study_name,
            storage=store.optuna,
            directions=[StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE],
            load_if_exists=True,
        )
        if study.metric_names is None:
            study.set_metric_names(["speedup", "clip_loss"])
    stack = plan.stack
    identity = {
        records.COMBINATION: plan.combination,
        records.PROTOCOL: plan.protocol.model_dump(),
        records.SPACE: {
            "distinct": len(stack.points),
            "grid": stack.grid_size,
            "choices": {name: list(choices.values) for name, choices in stack.space.items()},
        },
        records.ENVIRONMENT: plan.environment.model_dump(),
    }
    known = study.user_attrs
    _refuse_drift(plan, known)
    for name, value in identity.items():
        if name not in known:
            study.set_user_attr(name, value)
    # Last, as it marks the study as complete for readers.
    wanted = plan.request.loss_budget
    if wanted is None:
        wanted = known.get(records.LOSS_BUDGET, DEFAULT_LOSS_BUDGET)
    if known.get(records.LOSS_BUDGET) != wanted:
        study.set_user_attr(records.LOSS_BUDGET, wanted)
    return study


def _refuse_drift(plan: Plan, known: dict[str, Any]) -> None:
    """Raise StudyRefusedError if a study cannot go on where it was left."""
    if records.ENVIRONMENT in known and not plan.request.allow_version_drift:
        before = known[records.ENVIRONMENT]["versions"]
        drift = version_drift(before, plan.environment.versions)
        if drift:
            raise StudyRefusedError(
                f"this study was begun with other versions ({', '.join(drift)}); install those, "
                "take another --storage, or go on with --allow-version-drift"
            )
    space = {name: list(choices.values) for name, choices in plan.stack.space.items()}
    if records.SPACE in known and known[records.SPACE]["choices"] != space:
        raise StudyRefusedError(
            "this study was begun by another release of accelfront with other choices of "
            "parameters; take another --storage"
        )
