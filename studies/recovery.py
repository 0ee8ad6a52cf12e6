"""What dead workers leave behind, put right."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from storage.claims import list_claims, release
from storage.records import REASON
from storage.store import GRACE_S, Store


def recover(study: optuna.Study, store: Store) -> None:
    """Fail the trials of dead workers and free their points, so that others can measure them.

    A worker is dead if it ran on this host and its process is gone, or if its heartbeat stopped;
    a trial that never got a point is dead once it is older than a heartbeat's grace.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    study_id = store.optuna.get_study_id_from_name(study.study_name)
    claims = {claim.trial_number: claim for claim in list_claims(store.engine, study_id)}
    for trial in study.get_trials(deepcopy=False):
        claim = claims.get(trial.number)
        if trial.state == TrialState.RUNNING:
            if claim.is_orphaned() if claim else _is_old(trial):
                _fail(study, trial)
            else:
                continue
        elif trial.state != TrialState.FAIL:
            continue
        if claim is not None:
            release(store.engine, study_id, trial.number)


def _is_old(trial: FrozenTrial) -> bool:
    """Whether a trial began longer ago than any live worker needs to get its point."""
    assert trial.datetime_start is not None  # Optuna sets it with the state RUNNING.
    # Optuna stores UTC and hands out local time, without saying so.
    age = datetime.now(UTC) - trial.datetime_start.astimezone()
    return age > timedelta(seconds=GRACE_S)


def _fail(study: optuna.Study, trial: FrozenTrial) -> None:
    try:
        study._storage.set_trial_user_attr(trial._trial_id, REASON, "its worker died")
        study.tell(trial.number, state=TrialState.FAIL)
    except (UpdateFinishedTrialError, ValueError):
        # Another worker found it dead at the same time.
        return
