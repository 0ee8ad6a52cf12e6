"""Studies with all that a report tells of, their figures made up, and a database of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial

from storage.database.opening import Store
from storage.records.budgets import Budgets
from storage.records.environment import Environment
from storage.records.study import Space, Study
from storage.records.trial import Trial
from storage.study_store import attributes as keys
from tests.made_records import made_combination, made_point, made_protocol


def made_trial(
    number: int, speedup: float, clip_loss: float, baseline_s: float = 1.0, **changes: Any
) -> Trial:
    """A point whose intervals are 0.05 of the speedup and 0.01 of the loss to either side."""
    params: dict[str, int | float] = {"cache_interval": 2 + number, "cache_branch_id": 0}
    return made_point(number, params, speedup, clip_loss, baseline_s=baseline_s, **changes)


RIVALS = [
    made_trial(0, 3.0, 0.0, lossy_methods=[], warmup_s=4.25),
    made_trial(1, 3.2, 0.0, lossy_methods=[], warmup_s=120.4),
    made_trial(2, 4.0, 0.005, lossy_methods=["fewer_steps"], warmup_s=4.25),
    made_trial(3, 5.0, 0.015, lossy_methods=["fewer_steps"], warmup_s=4.25),
    made_trial(4, 6.4, 0.009, lossy_methods=["deepcache"], warmup_s=41.5),
    made_trial(5, 8.0, 0.025, lossy_methods=["deepcache", "fewer_steps"], warmup_s=41.5),
]
"""Points of a stack with lossless methods, DeepCache and fewer steps; the bound is trial 4."""


def made_study(
    trials: Sequence[Trial],
    methods: Sequence[str] = ("deepcache",),
    scheduler: str = "DDIM",
    steps: int = 20,
    device: str = "a CPU",
    digest: str = "0a1b2c3d",
    **protocol: Any,
) -> Study:
    """A study of tiny-shapes with a loss budget of 2%."""
    names = {name for trial in trials for name in trial.params}
    combination = made_combination(*methods, scheduler=scheduler, steps=steps)
    return Study(
        name=combination.study_name(digest),
        combination=combination,
        protocol=made_protocol(**protocol),
        environment=Environment(device=device, versions={"torch": "2.12.0"}),
        space=Space(distinct=50, grid=100, choices={name: [1, 2] for name in names}),
        budgets=Budgets(0.02),
        trials=list(trials),
        states={"complete": len(trials), "pruned": 2},
    )


def keep_attributes(store: Store, study: Study) -> optuna.Study:
    """Write a study into a database without its trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kept = optuna.create_study(
        study_name=study.name, storage=store.optuna, directions=["maximize", "minimize"]
    )
    attributes = {
        keys.COMBINATION: study.combination.as_json(),
        keys.PROTOCOL: study.protocol.as_json(),
        keys.ENVIRONMENT: study.environment.as_json(),
        keys.SPACE: study.space.as_json(),
        keys.LOSS_BUDGET: study.loss_budget,
    }
    for key, value in attributes.items():
        kept.set_user_attr(key, value)
    return kept


def keep(store: Store, study: Study) -> None:
    """Write a study into a database; its trials are numbered from 0 on."""
    kept = keep_attributes(store, study)
    for trial in study.trials:
        kept.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                values=[trial.speedup, trial.clip_loss],
                user_attrs={
                    keys.POINT: trial.params,
                    keys.MEASUREMENT: trial.measurement.as_json(),
                },
            )
        )
    # Remeasurements are trials behind their points.
    for trial in study.trials:
        if trial.confirmed is not None:
            kept.add_trial(
                create_trial(
                    state=TrialState.PRUNED,
                    user_attrs={
                        keys.POINT: trial.params,
                        keys.DUPLICATE_OF: trial.number,
                        keys.MEASUREMENT: {**trial.confirmed.as_json(), "look": "confirmed"},
                    },
                )
            )
