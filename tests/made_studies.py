"""A database of studies whose figures are made up: what reads them needs no measuring."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.trial import TrialState, create_trial

from storage.database.opening import Store
from storage.records.measurement import Measurement
from storage.study_store import attributes as keys
from tests.made_records import changed, made_combination, made_measurement, made_protocol

PROTOCOL = made_protocol(num_samples=32)

Spread = tuple[float, float, float]
"""A figure and the two ends of its interval."""


def add_study(
    store: Store,
    *methods: str,
    pipeline: str = "tiny-shapes",
    scheduler: str = "DDIM",
    digest: str = "0a1b2c3d",
) -> optuna.Study:
    """A study without points."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    combination = made_combination(*methods, pipeline=pipeline, scheduler=scheduler)
    study = optuna.create_study(
        study_name=combination.study_name(digest),
        storage=store.optuna,
        directions=["maximize", "minimize"],
    )
    choices = {"cache_interval": [2, 3, 4, 5], "warm_up": [1, 2, 3], "ratio": [0.1, 0.5]}
    attributes: dict[str, Any] = {
        keys.COMBINATION: combination.as_json(),
        keys.PROTOCOL: PROTOCOL.as_json(),
        keys.ENVIRONMENT: {"device": "a CPU", "versions": {"torch": "2.12.0"}},
        keys.SPACE: {"distinct": 24, "grid": 24, "choices": choices},
        keys.LOSS_BUDGET: 0.02,
    }
    for key, value in attributes.items():
        study.set_user_attr(key, value)
    return study


def add_point(
    study: optuna.Study,
    point: dict[str, int | float],
    speedup: Spread,
    loss: Spread,
    **measured: Any,
) -> None:
    """A completed point; what else was measured may be given."""
    kept = changed(measurement_of(speedup, loss), **measured)
    attributes = {keys.POINT: point, keys.MEASUREMENT: kept.as_json()}
    study.add_trial(
        create_trial(state=TrialState.COMPLETE, values=[speedup[0], loss[0]], user_attrs=attributes)
    )


def confirm(
    study: optuna.Study, point: dict[str, int | float], speedup: Spread, loss: Spread
) -> None:
    """A completed point measured again, on prompts that the search did not see."""
    measured = study.get_trials(states=(TrialState.COMPLETE,))
    [first] = [trial for trial in measured if trial.user_attrs[keys.POINT] == point]
    attributes = {
        keys.POINT: point,
        keys.DUPLICATE_OF: first.number,
        keys.MEASUREMENT: measurement_of(speedup, loss).as_json() | {"look": "confirmed"},
    }
    study.add_trial(create_trial(state=TrialState.PRUNED, user_attrs=attributes))


def measurement_of(speedup: Spread, loss: Spread) -> Measurement:
    """What is kept of a point with such figures."""
    return made_measurement(
        speedup[0],
        loss[0],
        speedup_ci=speedup[1:],
        clip_loss_ci=loss[1:],
        latency_ci_s=[1 / speedup[2], 1 / speedup[1]],
        baseline_latencies_s=[1.0, 1.0],
        samples=32,
    )
