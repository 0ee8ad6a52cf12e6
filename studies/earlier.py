"""Studies of the first release that this release does not resume, and the reasons."""

from __future__ import annotations

from collections.abc import Mapping

import optuna

from objectives.model_files.fingerprint import is_earlier, split_fingerprint
from storage.database.opening import Store
from storage.records.combination import StudyName
from storage.study_store import attributes as keys
from studies.plan import Plan


def earlier_note(plan: Plan, store: Store) -> str:
    """Return a note on an earlier study of the same combination that this one does not resume.

    Args:
        plan: The study to run.
        store: The database of both.

    Returns:
        One line; empty if there is no such study.
    """
    for name in sorted(optuna.get_all_study_names(store.optuna)):
        if StudyName.read(name).combination == plan.combination and name != plan.study_name:
            study_id = store.optuna.get_study_id_from_name(name)
            if reasons := _reasons(store.optuna.get_study_user_attrs(study_id), plan):
                return (
                    f"{name} is not resumed, and none of its points is used: "
                    f"{' and '.join(reasons)}"
                )
    return ""


def _reasons(attributes: Mapping[str, object], plan: Plan) -> list[str]:
    """Return why an old study is not the plan's study; empty if the two are unrelated."""
    match attributes:
        case {
            keys.PROTOCOL: {"model": str(model), **protocol},
            keys.ENVIRONMENT: {"device": plan.environment.device},
        } if split_fingerprint(model)[0] == split_fingerprint(plan.protocol.model)[0]:
            reasons = []
            if is_earlier(model):
                reasons.append(
                    "an earlier release made its model fingerprint, which cannot tell models apart"
                )
            if protocol.get("prompts_seed") is None:
                reasons.append(
                    "its prompts are the first ones of the file, and this release draws them by "
                    "the seed"
                )
            return reasons
    return []
