"""Opening a study: created with all that it is, or found again and checked against what is run."""

from __future__ import annotations

import warnings
from typing import Any
from uuid import uuid4

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.study import StudyDirection

from objectives.environment import version_drift
from storage.database.opening import Store
from storage.database.schema import creation_lock
from storage.errors import StorageError
from storage.reading.studies import read_study
from storage.study_store import attributes as keys
from storage.study_store.deletions import number_anew, put_right
from studies.errors import StudyRefusedError
from studies.files import given_files
from studies.plan import Plan
from studies.request import DEFAULT_LOSS_BUDGET, StudyRequest


def open_study(plan: Plan, store: Store) -> optuna.Study:
    """Create or open the plan's study, and read it once: what is no JSON is then told at once.

    Args:
        plan: What is to be run.
        store: Where it is kept.

    Raises:
        StorageError: If what is kept of the study is not as accelfront keeps it.
        StudyRefusedError: If it was begun with other library versions or another space.
    """
    # Two workers that find an empty study would both note their own versions.
    with creation_lock(store.engine):
        put_right(store.engine)
        try:
            study = _make_study(plan, store)
            number_anew(store.engine, study._study_id, keys.REASON)
            read_study(study)
        except (StorageError, StudyRefusedError):
            raise
        except ValueError as error:
            raise StudyRefusedError(
                f"study {plan.study_name} cannot be read: {error}; take another --storage"
            ) from error
        return study


def _make_study(plan: Plan, store: Store) -> optuna.Study:
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
        keys.IDENTITY: uuid4().hex,
        keys.COMBINATION: plan.combination.as_json(),
        keys.SCHEDULER_SETTINGS: plan.scheduler_settings,
        keys.PROTOCOL: plan.protocol.as_json(),
        keys.SPACE: {
            "distinct": len(stack.points),
            "grid": stack.grid_size,
            "choices": {name: list(choices.values) for name, choices in stack.space.items()},
        },
        keys.ENVIRONMENT: plan.environment.as_json(),
    }
    known = study.user_attrs
    _refuse_drift(plan, known)
    for name, value in identity.items():
        if name not in known:
            study.set_user_attr(name, value)
    origin = plan.model.origin.model_dump(exclude_none=True)
    if known.get(keys.ORIGIN) != origin:
        # The latest place: the same model may have lain elsewhere before.
        study.set_user_attr(keys.ORIGIN, origin)
    files = given_files(plan.request)
    if known.get(keys.FILES, {}) != files:
        study.set_user_attr(keys.FILES, files)
    # Last, as it marks the study as complete for readers.
    budget = _own_budget(plan.request, known.get(keys.LOSS_BUDGET))
    if known.get(keys.LOSS_BUDGET) != budget:
        study.set_user_attr(keys.LOSS_BUDGET, budget)
    return study


def _own_budget(request: StudyRequest, known: float | None) -> float:
    """The loss budget that a study is to have, which was `known` before."""
    asked = None if request.budget_use == "run" else request.loss_budget
    first, last = (known, asked) if request.budget_use == "begin" else (asked, known)
    budgets = (first, last, DEFAULT_LOSS_BUDGET)
    return next(budget for budget in budgets if budget is not None)


def _refuse_drift(plan: Plan, known: dict[str, Any]) -> None:
    """Raise StudyRefusedError if a study cannot go on where it was left."""
    if keys.ENVIRONMENT in known and not plan.request.allow_version_drift:
        before = known[keys.ENVIRONMENT]["versions"]
        drift = version_drift(before, plan.environment.versions)
        if drift:
            raise StudyRefusedError(
                f"this study was begun with other versions ({', '.join(drift)}); install those, "
                "take another --storage, or go on with --allow-version-drift"
            )
    space = {name: list(choices.values) for name, choices in plan.stack.space.items()}
    if keys.SPACE in known and known[keys.SPACE]["choices"] != space:
        raise StudyRefusedError(
            "this study was begun by another release of accelfront with other choices of "
            "parameters; take another --storage"
        )
