"""Opening the study of a plan: the plan's values as the study store takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from objectives.errors import InputError
from objectives.quality import METRICS
from storage.database.baselines import baseline_key
from storage.database.opening import Store
from storage.database.retry import DatabaseRetry
from storage.reading.studies import own_study
from storage.records.budgets import Budgets
from storage.records.study import Space
from storage.study_store.opening import StudyDefinition
from storage.study_store.store import StudyStore
from studies.files import given_files, given_weights
from studies.plan import Plan
from studies.planning.budgets import first_budgets
from studies.planning.protocol import recorded
from studies.request import StudyRequest


def open_study_store(
    plan: Plan, store: Store, tell: Callable[[str], None] = lambda words: None
) -> StudyStore:
    """Create the plan's study, or open it to resume it.

    Args:
        plan: What is to be run.
        store: Where it is kept.
        tell: Told in words that the database is waited for.

    Raises:
        StorageError: If the stored study is not in accelfront's form.
        StudyRefusedError: If it began with other library versions or another space.
    """
    return StudyStore(
        store,
        _definition(plan),
        partial(_study_budgets, plan.request),
        allow_drift=plan.request.allow_version_drift,
        tell=tell,
    )


def with_metrics_kept(plan: Plan, store: Store, tell: Callable[[str], None]) -> Plan:
    """Return the plan with all metrics that its study has gained before, whoever requested them.

    A metric whose model is missing is left out of this run, and the plan's notes say so.

    Args:
        plan: What is to be run.
        store: Where its study may be.
        tell: Told in words that the database is waited for.

    Raises:
        StorageError: If the study cannot be read.
    """
    record = DatabaseRetry(tell)(lambda: own_study(store, plan.study_name))
    protocol, request = plan.protocol, plan.request
    kept = () if record is None else record.protocol.metrics
    weights, notes, files = dict(plan.weights), [], {} if record is None else record.files
    named = [name for name in kept if name in METRICS and name not in protocol.metrics]
    gained = []
    for name in named:
        try:
            found = METRICS[name].find(given_weights(files).get(name))
        except InputError as error:
            notes.append(f"{name} is not measured in this run: {error}")
            continue
        gained.append(name)
        weights |= {} if found is None else {name: found}
    update = {"metrics": (*protocol.metrics, *gained), "weights": recorded(weights)}
    return replace(
        plan,
        request=replace(
            request,
            metrics=(*request.metrics, *gained),
            weights={**given_weights(files), **request.weights},
        ),
        protocol=protocol.model_copy(update=update),
        weights=weights,
        notes=(*plan.notes, *notes),
    )


def learned_key(plan: Plan, method: str) -> str:
    """Return the key of what a method learns, made of everything that it depends on."""
    return baseline_key({**plan.baseline_identity, "learned": method})


def run_budgets(request: StudyRequest, of_study: Budgets) -> Budgets:
    """Return the budgets of one run: the study's, and those requested for this run only."""
    return request.asked.over(of_study) if request.budget_use == "run" else of_study


def _definition(plan: Plan) -> StudyDefinition:
    stack = plan.stack
    return StudyDefinition(
        name=plan.study_name,
        combination=plan.combination,
        scheduler_settings=plan.scheduler_settings,
        protocol=plan.protocol,
        environment=plan.environment,
        space=Space(
            distinct=len(stack.points),
            grid=stack.grid_size,
            choices={name: list(choices.values) for name, choices in stack.space.items()},
        ),
        origin=plan.model.origin,
        files={
            **given_files(plan.request),
            **{lora.record.name: str(lora.path) for lora in plan.loras},
        },
        scheduler_options=plan.scheduler_options,
        baselines=frozenset(
            [
                *(
                    baseline_key(each.baseline_identity)
                    for each in (plan, plan.confirmation())
                    if each is not None
                ),
                *(learned_key(plan, name) for name in stack.context.learned),
            ]
        ),
        learned=stack.context.learned,
    )


def _study_budgets(request: StudyRequest, known: Budgets | None) -> Budgets:
    """Return a study's new budgets, which were `known` before."""
    own = known or first_budgets(request)
    if request.budget_use == "run" or (request.budget_use == "begin" and known is not None):
        return own
    return request.asked.over(own)
