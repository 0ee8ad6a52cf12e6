"""Studies whose trials kept pictures of one grey each, so that it is seen whose they are."""

from __future__ import annotations

from typing import Any

import torch
from optuna.trial import TrialState

from objectives.quality.picture_grid import PictureGrid
from storage.database.opening import Store
from storage.records.study import Study
from storage.study_store import attributes as keys
from storage.study_store.artifacts import (
    PICTURE_NAME,
    WORST_NAME,
    artifact_folder,
    keep_picture,
)
from tests.made_records import changed
from tests.made_reports import keep_attributes, made_study, made_trial

PAIRS = 3

WIDTH, HEIGHT = 64, 32

BASELINE = 40
"""The grey of a baseline's picture; that of trial 0 is 100, that of trial 1 is 160."""

NAME = made_study([]).name


WORST = 2
"""A grid of its own stands for that of the prompts that lost most."""


def grey_of(trial: int) -> int:
    return 100 + 60 * trial


def grid_of(trial: int) -> bytes:
    """What a trial keeps: each pair a little brighter than the last one."""
    places = torch.arange(PAIRS).reshape(-1, 1, 1, 1)
    picture = torch.zeros(PAIRS, 3, HEIGHT, WIDTH)
    grid = PictureGrid()
    grid.add(
        range(PAIRS),
        picture + (BASELINE + 10 * places) / 255,
        picture + (grey_of(trial) + 10 * places) / 255,
    )
    content = grid.webp()
    assert content is not None
    return content


def a_study(**protocol: Any) -> Study:
    """Two points, of which the second one is faster, was disturbed and is confirmed."""
    ssim = {"ssim": {"value": 0.8, "loss": 0.2, "loss_ci": [0.1, 0.3], "samples": 8}}
    pictured = [{"prompt": 6, "loss": 0.3}, {"prompt": 2, "loss": 0.1}, {"prompt": 0, "loss": 0.0}]
    shared = [{"prompt": place, "loss": place / 10} for place in range(PAIRS)]
    fast = made_trial(
        1, 2.0, 0.03, disturbed=["busy"], metrics=ssim, pictured=pictured, shared=shared
    )
    again = made_trial(1, 1.9, 0.01, metrics=ssim).measurement
    trials = [made_trial(0, 1.2, 0.0), changed(fast, confirmed=again)]
    return made_study(trials, width=WIDTH, height=HEIGHT, **protocol)


def keep_with_pictures(store: Store, study: Study) -> None:
    """Write a study into a database, each trial with its grid."""
    kept = keep_attributes(store, study)
    for point in study.trials:
        trial = kept.ask()
        trial.set_user_attr(keys.POINT, point.params)
        trial.set_user_attr(keys.MEASUREMENT, point.measurement.as_json())
        keep_picture(artifact_folder(store), trial, PICTURE_NAME, grid_of(point.number))
        if point.measurement.pictured:
            keep_picture(artifact_folder(store), trial, WORST_NAME, grid_of(WORST))
        kept.tell(trial, [point.speedup, point.clip_loss])
    for point in study.trials:
        if point.confirmed is not None:
            trial = kept.ask()
            trial.set_user_attr(keys.DUPLICATE_OF, point.number)
            look = {**point.confirmed.as_json(), "look": "confirmed"}
            trial.set_user_attr(keys.MEASUREMENT, look)
            kept.tell(trial, state=TrialState.PRUNED)
