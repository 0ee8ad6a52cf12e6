"""Opening a study: created with all its attributes, or found and checked against this run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.study import StudyDirection

from storage.database.opening import Store
from storage.database.schema import creation_lock
from storage.errors import StorageError, StudyRefusedError
from storage.reading.studies import read_study
from storage.records.budgets import Budgets
from storage.records.combination import Combination
from storage.records.environment import Environment, version_drift
from storage.records.points import by_stored_names
from storage.records.protocol import Protocol
from storage.records.study import Origin, Space
from storage.study_store import attributes as keys
from storage.study_store.deletions import number_anew, put_right


@dataclass(frozen=True)
class StudyDefinition:
    """What a study is.

    Attributes:
        name: The study's name.
        combination: Pipeline, scheduler, steps and methods.
        scheduler_settings: The scheduler's settings in addition to the pipeline's configuration.
        protocol: How points are measured.
        environment: The device and the versions of the libraries.
        space: Distinct points, parameter sets of the full grid, and the choices of each parameter.
        origin: Where the model was loaded from.
        files: Places of the prompts and the scorer that a person gave.
        scheduler_options: The settings among them that a person chose.
        baselines: Keys of the baselines that it measures against, and of what they taught methods.
        learned: What each method has learned from the plain pipe.
    """

    name: str
    combination: Combination
    scheduler_settings: Mapping[str, Any]
    protocol: Protocol
    environment: Environment
    space: Space
    origin: Origin
    files: Mapping[str, str]
    scheduler_options: Mapping[str, Any] = field(default_factory=dict)
    baselines: frozenset[str] = frozenset()
    learned: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


WantedBudgets = Callable[[Budgets | None], Budgets]
"""Computes a study's budgets from those that it had; None means it is new and had none."""


def open_study(
    database: Store, definition: StudyDefinition, budgets: WantedBudgets, allow_drift: bool
) -> optuna.Study:
    """Create or open a study, and read it once, so that broken JSON is reported at once.

    Args:
        database: The database that keeps it.
        definition: What it is.
        budgets: Its budgets.
        allow_drift: Proceed although libraries have changed since the study began.

    Raises:
        StorageError: If the study is not stored as accelfront stores it.
        StudyRefusedError: If it was begun with other library versions or another space.
    """
    # Two workers that find an empty study would both note their own versions.
    with creation_lock(database.engine):
        put_right(database.engine)
        try:
            study = _make_study(database, definition, budgets, allow_drift)
            number_anew(database.engine, study._study_id, keys.REASON)
            read_study(study)
        except StorageError:
            raise
        except ValueError as error:
            raise StudyRefusedError(
                f"study {definition.name} cannot be read: {error}; take another --storage"
            ) from error
        return study


def _make_study(
    database: Store, definition: StudyDefinition, budgets: WantedBudgets, allow_drift: bool
) -> optuna.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study = optuna.create_study(
            study_name=definition.name,
            storage=database.optuna,
            directions=[StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE],
            load_if_exists=True,
        )
        if study.metric_names is None:
            study.set_metric_names(["speedup", definition.protocol.loss])
    space = definition.space
    identity = {
        keys.IDENTITY: uuid4().hex,
        keys.COMBINATION: definition.combination.as_json(),
        keys.SCHEDULER_SETTINGS: definition.scheduler_settings,
        keys.PROTOCOL: definition.protocol.as_json(),
        keys.SPACE: {**space.as_json(), "choices": by_stored_names(space.choices)},
        keys.ENVIRONMENT: definition.environment.as_json(),
    }
    if definition.scheduler_options:
        identity[keys.SCHEDULER_OPTIONS] = definition.scheduler_options
    if definition.learned:
        identity[keys.LEARNED] = definition.learned
    known = study.user_attrs
    _refuse_other(known, definition, allow_drift)
    for name, value in identity.items():
        if name not in known:
            study.set_user_attr(name, value)
    if keys.PROTOCOL in known:
        _gain_metrics(study, known[keys.PROTOCOL], definition.protocol)
    # The latest place: the same model or file may have been elsewhere before.
    for name, place, none in (
        (keys.ORIGIN, definition.origin.as_json(), None),
        (keys.FILES, definition.files, {}),
    ):
        if known.get(name, none) != place:
            study.set_user_attr(name, place)
    before = frozenset(known.get(keys.BASELINES, ()))
    if definition.baselines - before:
        study.set_user_attr(keys.BASELINES, sorted(before | definition.baselines))
    _set_budgets(study, known, budgets, definition.protocol.loss)
    return study


def _set_budgets(
    study: optuna.Study, known: Mapping[str, Any], wanted: WantedBudgets, loss: str
) -> None:
    """Keep the budgets of a study; the loss budget last, as it marks the study as complete."""
    conditions = known.get(keys.BUDGETS, {})
    is_begun = keys.LOSS_BUDGET in known
    budgets = wanted(Budgets(known[keys.LOSS_BUDGET], conditions, loss) if is_begun else None)
    if budgets.conditions != conditions:
        study.set_user_attr(keys.BUDGETS, dict(budgets.conditions))
    if known.get(keys.LOSS_BUDGET) != budgets.most_loss:
        study.set_user_attr(keys.LOSS_BUDGET, budgets.most_loss)


def _refuse_other(known: Mapping[str, Any], definition: StudyDefinition, allow_drift: bool) -> None:
    """Raise StudyRefusedError if a study cannot be resumed."""
    if keys.ENVIRONMENT in known and not allow_drift:
        before = known[keys.ENVIRONMENT]["versions"]
        if drift := version_drift(before, definition.environment.versions):
            raise StudyRefusedError(
                f"this study was begun with other versions ({', '.join(drift)}); install those, "
                "take another --storage, or go on with --allow-version-drift"
            )
    if others := _other_weights(known, definition.protocol):
        raise StudyRefusedError(
            f"this study was measured with other weights ({', '.join(others)}); give those with "
            "--weights, or take another --storage"
        )
    choices = by_stored_names(definition.space.choices)
    if keys.SPACE in known and known[keys.SPACE]["choices"] != choices:
        raise StudyRefusedError(
            "this study was begun by another release of accelfront with other choices of "
            "parameters; take another --storage"
        )


def _gain_metrics(study: optuna.Study, known: Mapping[str, Any], protocol: Protocol) -> None:
    """Add the metrics that a study is asked for but lacks, with what they load."""
    before = Protocol.model_validate(known)
    metrics = dict.fromkeys([*before.metrics, *protocol.metrics])
    if len(metrics) > len(before.metrics):
        weights = {each.metric: each for each in (*protocol.weights, *before.weights)}
        update = {"metrics": tuple(metrics), "weights": tuple(weights.values())}
        study.set_user_attr(keys.PROTOCOL, before.model_copy(update=update).as_json())


def _other_weights(known: Mapping[str, Any], protocol: Protocol) -> list[str]:
    """What metrics loaded before, if they load something else now."""
    if keys.PROTOCOL not in known:
        return []
    before = Protocol.model_validate(known[keys.PROTOCOL]).weights
    now = {each.metric: each.name for each in protocol.weights}
    return [
        f"{each.metric} {each.name}"
        for each in before
        if now.get(each.metric, each.name) != each.name
    ]
