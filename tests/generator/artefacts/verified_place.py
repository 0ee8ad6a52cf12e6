"""A study with scripts of its trials, for what holds them against each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from optuna.trial import TrialState, create_trial

from generator.artefacts.script import render_script
from generator.artefacts.source import Source
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.model import find_model
from objectives.prompts import prompts_fingerprint
from objectives.timing.device import device_name
from storage.database.opening import open_store
from storage.reading.studies import read_studies
from storage.records.environment import Environment
from storage.records.study import Study
from storage.study_store import attributes as keys
from tests.generator.made_trials import made_study
from tests.made_records import changed
from tests.made_reports import keep_attributes
from tests.tiny_pipelines import PICTURE_SIZE, PROMPTS, save_tiny

METHODS = ("deepcache", "tgate", "tome")

POINT = {
    "deepcache.cache_interval": 2,
    "deepcache.cache_branch_id": 0,
    "tgate.gate_step": 5,
    "tgate.sp_interval": 1,
    "tgate.fi_interval": 1,
    "tgate.warm_up": 0,
    "tome.ratio": 0.5,
    "tome.max_downsample": 1,
}

ANY_SPEED, NO_SPEED = (0.01, 1000.0), (1000.0, 1001.0)


@dataclass(frozen=True)
class Place:
    """A database, the scripts of its trials, and what they were measured with."""

    url: str
    prompts: Path
    model: Path
    study: Study
    scripts: list[Path]


def make_place(folder: Path) -> Place:
    """A study of two trials: one promises any speed, the other a speed that nothing reaches."""
    model = save_tiny("SD1.5", folder / "tiny", layers_per_block=1)
    prompts = folder / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS))
    study, _ = made_study(
        "SD1.5",
        METHODS,
        POINT,
        steps=8,
        model=find_model(find_pipeline("SD1.5"), str(model), None).name,
        prompts=f"prompts.txt@{prompts_fingerprint(PROMPTS)}",
        num_samples=2,
        batch_size=2,
        height=PICTURE_SIZE,
        width=PICTURE_SIZE,
        guidance_scale=5.0,
        dtype="float32",
    )
    here = Environment(device=device_name(torch.device("cpu")), versions=study.versions)
    study = changed(study, environment=here)
    url = f"sqlite:///{folder / 'a.db'}"
    study = _store(study, url)
    written = []
    for trial in study.trials:
        written.append(folder / f"trial{trial.number}.py")
        written[-1].write_text(render_script(study, trial, Source(str(model), variant="fp16")))
    return Place(url, prompts, model, study, written)


def _store(study: Study, url: str) -> Study:
    """Write a study as a run leaves it, with two trials, and read it back."""
    store = open_store(url, create=True)
    stored = keep_attributes(store, study)
    [trial] = study.trials
    for number, interval in enumerate((ANY_SPEED, NO_SPEED)):
        # Equal points would count as one.
        point = {
            **trial.params,
            "deepcache.cache_interval": trial.params["deepcache.cache_interval"] + number,
        }
        measurement = trial.measurement.as_json() | {"speedup_ci": interval}
        stored.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                values=[interval[0], trial.clip_loss],
                user_attrs={keys.POINT: point, keys.MEASUREMENT: measurement},
            )
        )
    [read] = read_studies(store)
    store.engine.dispose()
    return read
