"""Studies of the first release, whose fingerprint of the model cannot tell models apart."""

from __future__ import annotations

import optuna

from objectives.fingerprint import is_earlier, split_fingerprint
from storage import records
from storage.store import Store
from studies.plan import Plan


def earlier_note(plan: Plan, store: Store) -> str:
    """What to say of a study of the same combination that this one does not go on with.

    Args:
        plan: The study that is run.
        store: Where both are.

    Returns:
        One line; empty if there is no such study.
    """
    combination = f"{plan.study_name.rpartition('--')[0]}--"
    for name in sorted(optuna.get_all_study_names(store.optuna)):
        if name.startswith(combination) and name != plan.study_name:
            study_id = store.optuna.get_study_id_from_name(name)
            if _is_same_but_earlier(store.optuna.get_study_user_attrs(study_id), plan):
                return (
                    f"{name} is not gone on with, and none of its points is taken over: its "
                    "fingerprint, of an earlier release, cannot tell models apart"
                )
    return ""


def _is_same_but_earlier(attributes: dict[str, object], plan: Plan) -> bool:
    match attributes:
        case {
            records.PROTOCOL: {"model": str(model)},
            records.ENVIRONMENT: {"device": device},
        }:
            same_name = split_fingerprint(model)[0] == split_fingerprint(plan.protocol.model)[0]
            return is_earlier(model) and same_name and device == plan.environment.device
    return False
