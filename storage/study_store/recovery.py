"""Repairs what dead workers and copies of a study leave behind."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.trial import FrozenTrial, TrialState

from storage.database.opening import GRACE_S, Store
from storage.reading.trials import RawTrial
from storage.records.points import point_key
from storage.study_store.attributes import DUPLICATE_OF, FAULT, MEASUREMENT, POINT, REASON
from storage.study_store.claims import Claim, claim, list_claims, release


def recover(study: optuna.Study, store: Store, begun: bool = True) -> None:
    """Fail the trials of dead workers and free the points that no trial holds.

    A worker is dead if it ran on this host and its process is gone, or if its heartbeat stopped;
    a trial that never got a point is dead once it is older than a heartbeat's grace. A study copied
    from another database has no claims, so its measured points are claimed again.

    Args:
        study: The study.
        store: The study's database.
        begun: Whether this process is working on it; if not, what it left at an earlier failure is
            dead too.
    """
    study_id = store.optuna.get_study_id_from_name(study.study_name)
    assert isinstance(store.optuna, BaseHeartbeat)  # `open_store` gives it an interval.
    silent = set(store.optuna._get_stale_trial_ids(study_id))
    # Before the trials, as a claim is never older than its trial.
    claims = list_claims(store.engine, study_id)
    trials = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    holders = {each.trial_number: each for each in claims}
    freed = {
        number
        for number, trial in trials.items()
        if trial.state == TrialState.RUNNING
        and _is_left(trial, holders.get(number), trial._trial_id in silent, begun)
        and _fail(store.optuna, trial)
    }
    if not begun:
        _claim_measured(store, study_id, trials.values(), {each.point for each in claims})
    for each in claims:
        holder = trials.get(each.trial_number)
        if holder is None or holder.number in freed or not _holds(holder, each.point):
            release(store.engine, study_id, each.trial_number, each.point)


def _claim_measured(
    store: Store, study_id: int, trials: Iterable[FrozenTrial], taken: Collection[str]
) -> None:
    """Claim the points that were measured and that no trial holds: a copied study has no claims."""
    for trial in trials:
        point = RawTrial.of_optuna(trial).point()
        if point is not None and (key := point_key(point.params)) not in taken:
            claim(store.engine, study_id, key, trial.number)


def _holds(trial: FrozenTrial, key: str) -> bool:
    """Whether a trial holds a claim: it runs, has this point for good, or failed at it.

    It does not if it failed for a reason from outside, or only repeated a point; nor if it is not
    the trial that took the point, as that one was deleted and its number reused.
    """
    if trial.state == TrialState.RUNNING:
        return True
    known = trial.user_attrs
    measured = MEASUREMENT in known and DUPLICATE_OF not in known
    kept = FAULT in known if trial.state == TrialState.FAIL else measured
    # The key of a remeasurement names its kind before the point.
    return kept and POINT in known and point_key(known[POINT]) == key.rpartition(": ")[2]


def _is_left(trial: FrozenTrial, held: Claim | None, silent: bool, begun: bool) -> bool:
    """Whether nobody runs a trial any more, as far as this process can tell."""
    if held is None:
        return silent or _is_old(trial)
    if held.is_orphaned():
        return True
    if held.is_own():
        return not begun
    # Heartbeats follow the clock, and seem to have stopped when it is set forward.
    return silent and not held.is_working()


def _is_old(trial: FrozenTrial) -> bool:
    """Whether a trial began longer ago than any live worker needs to get its point."""
    assert trial.datetime_start is not None  # Optuna sets it with the state RUNNING.
    # Optuna stores UTC and hands out local time, without saying so.
    age = datetime.now(UTC) - trial.datetime_start.astimezone()
    return age > timedelta(seconds=GRACE_S)


def _fail(storage: BaseStorage, trial: FrozenTrial) -> bool:
    """Fail a trial; False if it is finished, by its own worker after all or by another's rescue.

    Its point is then not ours to free, as it may be measured.
    """
    try:
        storage.set_trial_user_attr(trial._trial_id, REASON, "its worker died")
        return storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    except UpdateFinishedTrialError:
        return False
