"""Who is using a study, also between trials: nobody deletes a study that a worker uses."""

from __future__ import annotations

import optuna
from optuna.trial import TrialState
from sqlalchemy import delete, select

from storage.database.opening import Store
from storage.records.record import parsed
from storage.study_store.claims import Claim, list_claims, this_process
from storage.study_store.recovery import recover
from storage.study_store.rows import STUDY_ATTRIBUTES

WORKER = "worker: "
"""How the attribute of a worker begins; its host and its process follow."""


def enter(study: optuna.Study) -> None:
    """Note that this process uses a study."""
    process = this_process()
    study.set_user_attr(f"{WORKER}{process['host']} {process['pid']}", process["process_start"])


def leave(store: Store, study: optuna.Study) -> None:
    """Remove the note again."""
    process = this_process()
    own = STUDY_ATTRIBUTES.c.key == f"{WORKER}{process['host']} {process['pid']}"
    with store.engine.begin() as connection:
        connection.execute(
            delete(STUDY_ATTRIBUTES).where(STUDY_ATTRIBUTES.c.study_id == study._study_id, own)
        )


def live_worker(store: Store, study: optuna.Study) -> str:
    """Who uses a study now, in words; empty if nobody does.

    A worker of this host counts while its process runs. One of another host counts while it
    measures, as it has a heartbeat then; between trials nothing shows it.
    """
    recover(study, store)
    held = {each.trial_number: each for each in list_claims(store.engine, study._study_id)}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        claim = held.get(trial.number)
        who = "a worker" if claim is None else f"process {claim.pid} of {claim.host.split()[0]}"
        return f"{who} measures trial {trial.number}"
    for worker in _entered(store, study._study_id):
        if worker.runs_here() and not worker.is_own():
            return f"process {worker.pid} of this host is at it"
    return ""


def _entered(store: Store, study_id: int) -> list[Claim]:
    """The workers that came and did not leave, as if each held a claim."""
    columns = STUDY_ATTRIBUTES.c.key, STUDY_ATTRIBUTES.c.value_json
    wanted = select(*columns).where(
        STUDY_ATTRIBUTES.c.study_id == study_id,
        STUDY_ATTRIBUTES.c.key.startswith(WORKER, autoescape=True),
    )
    found = []
    with store.engine.connect() as connection:
        for key, text in connection.execute(wanted):
            host, _, pid = key.removeprefix(WORKER).rpartition(" ")
            start = parsed(text)
            if pid.isdecimal() and isinstance(start, int | float):
                found.append(Claim("", -1, host, int(pid), start))
    return found
