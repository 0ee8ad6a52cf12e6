"""What methods learn from the plain pipe before a study begins; kept with it and the baseline."""

from __future__ import annotations

from collections.abc import Callable

from accel_space.calibration.learning import learners
from accel_space.method import Learned
from storage.database.baselines import find_learned, keep_learned
from storage.database.opening import Store
from storage.database.retry import DatabaseRetry
from storage.reading.studies import own_study
from studies.plan import Plan
from studies.planning.budgets import first_budgets
from studies.run.measuring import PipelineLoader
from studies.run.opening import learned_key


def with_learned(
    plan: Plan, store: Store, loader: PipelineLoader, tell: Callable[[str], None]
) -> Plan:
    """Return the plan with what its methods have to know about the plain pipe.

    A resumed study uses what it learned when it began; studies of earlier releases learned nothing.
    All studies of one baseline, and all their workers, share the same values.

    Args:
        plan: What is to be run.
        store: The database that may hold its study.
        loader: The loader, which keeps what it has loaded.
        tell: Called with a message before each long step.

    Raises:
        InputError: If the study's loss has no budget, or the model cannot be loaded.
        MeasurementError: If the unaccelerated pipeline makes no pictures.
        StorageError: If the study cannot be read.
    """
    names = learners(plan.stack)
    if not names:
        return plan
    retry = DatabaseRetry(tell)
    study = retry(lambda: own_study(store, plan.study_name))
    if study is not None:
        return plan.knowing(study.learned)
    first_budgets(plan.request)
    return plan.knowing(retry(lambda: _learned(plan, names, store, loader, tell)))


def _learned(
    plan: Plan,
    names: list[str],
    store: Store,
    loader: PipelineLoader,
    tell: Callable[[str], None],
) -> dict[str, Learned]:
    """Return what the methods know about the plan's baseline; what is not kept is learned now."""
    keys = {name: learned_key(plan, name) for name in names}
    known = {name: find_learned(store.engine, key) for name, key in keys.items()}
    if None in known.values():
        objective, _ = loader.objective(plan, store, tell)
        tell(f"calibrating {' and '.join(names)} on the baseline")
        for name, learned in objective.learn().items():
            keep_learned(store.engine, keys[name], learned)
        known = {name: find_learned(store.engine, key) for name, key in keys.items()}
    return {name: learned for name, learned in known.items() if learned is not None}
