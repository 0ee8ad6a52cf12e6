"""Trials of tiny pipelines, and what artefacts of them draw in a process without accelfront."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline

from accel_space.method import Params
from accel_space.stack import Stack
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.schedulers import make_scheduler, scheduler_settings
from storage.records.study import Study
from storage.records.trial import Trial
from tests.generator.artefacts.running import draw_with_scripts
from tests.generator.made_trials import METHOD_SETS, made_study, stack_at
from tests.made_records import changed
from tests.tiny_pipelines import PICTURE_SIZE, PROMPTS, save_tiny, tiny_context

Render = Callable[[Study, Trial], str]
"""Writes an artefact."""

STEPS = 6

SEED = 3

LOSSLESS = {"compile", "cuda_graph"}
"""What they draw takes a compiler or a GPU."""

FAMILY_SETS = [
    *(
        ("SD1.5", names)
        for names in METHOD_SETS
        if stack_at("SD1.5", names) and not LOSSLESS & set(names)
    ),
    ("SD1.5", ("compile", "deepcache")),
    ("SDXL", ("deepcache", "tgate", "tome")),
    ("SDXL", ("tgate",)),
    ("PixArt-alpha", ("tgate",)),
    ("PixArt-Sigma", ("tgate",)),
    ("PixArt-alpha", ("pab", "cfg_cutoff")),
    ("PixArt-alpha", ("first_block_cache",)),
    ("PixArt-alpha", ("step_cache",)),
    ("PixArt-alpha", ("step_cache", "cfg_cutoff")),
    ("PixArt-alpha", ("taylorseer", "cfg_cutoff")),
    ("FLUX.1-dev", ("first_block_cache",)),
    ("SD3.5-medium", ("mag_cache",)),
    ("SD3.5-medium", ("taylorseer", "cfg_cutoff")),
]

LEARNED = {"mag_cache": (1.0, 1.1, 0.9, 1.02, 0.99, 1.01)}
"""What studies have learned of the plain pipe."""

FOUND = "float32"
"""What tiny pipelines are loaded as."""

SMALLER: dict[str, dict[str, Any]] = {
    family: {"layers_per_block": 1} for family in ("SD1.5", "SDXL")
}


def save_models(folder: Path) -> dict[str, Path]:
    """A model folder of each family of `FAMILY_SETS`."""
    return {
        family: save_tiny(family, folder / family, **SMALLER.get(family, {}))
        for family in dict.fromkeys(family for family, _ in FAMILY_SETS)
    }


def load(family: str, models: dict[str, Path]) -> Any:
    """One of them, with the scheduler of its trials."""
    pipe = DiffusionPipeline.from_pretrained(models[family], safety_checker=None)
    entry = find_pipeline(family)
    name, config = entry.usual_scheduler, entry.architecture.scheduler
    settings = scheduler_settings(name, config, entry.pipeline_class)
    pipe.scheduler = make_scheduler(name, pipe.scheduler.config, settings)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def stack_of(pipe: Any, names: tuple[str, ...], steps: int = STEPS) -> Stack:
    return Stack(replace(tiny_context(pipe, names, steps), learned=LEARNED))


def point_of(stack: Stack) -> Params:
    """The default, with nothing compiled; beside `cfg_cutoff` a step cache skips whole calls."""
    point = stack.default
    if "compile.parts" in stack.space:
        point["compile.parts"] = 0
    if {"step_cache", "cfg_cutoff"} <= stack.context.methods:
        point["step_cache.kept_layers"] = -1
    return point


def tiny_trial(pipe: Any, family: str, names: tuple[str, ...]) -> tuple[Study, Trial]:
    stack = stack_of(pipe, names)
    point = point_of(stack)
    study, trial = made_study(
        family,
        names,
        point,
        steps=STEPS,
        guidance_scale=5.0,
        height=PICTURE_SIZE,
        width=PICTURE_SIZE,
        dtype=FOUND,
    )
    # As a trial of today keeps it.
    lossy = stack.schedule(point).lossy_methods
    measured = changed(trial, measurement=changed(trial.measurement, lossy_methods=lossy))
    return changed(study, trials=[measured], learned=LEARNED), measured


def draw(generate: Callable[..., Any], family: str) -> torch.Tensor:
    """What such a trial draws."""
    pictures: torch.Tensor = generate(
        list(PROMPTS),
        num_inference_steps=STEPS,
        guidance_scale=5.0,
        height=PICTURE_SIZE,
        width=PICTURE_SIZE,
        generator=[torch.Generator().manual_seed(SEED + at) for at in range(len(PROMPTS))],
        output_type="pt",
        **find_pipeline(family).call,
    ).images
    return pictures


Drawn = Callable[[str, tuple[str, ...]], list[torch.Tensor]]


def drawn_with(
    render: Render,
    models: dict[str, Path],
    folder: Path,
    sets: list[tuple[str, tuple[str, ...]]],
) -> Drawn:
    """What the artefact of each of some of `FAMILY_SETS` drew, in one process without accelfront.

    Args:
        render: Writes the artefact.
        models: What `save_models` returned.
        folder: An empty one.
        sets: Which of them.
    """
    pipes = {family: load(family, models) for family in models}
    jobs = []
    for family, names in sets:
        stem = f"{family}-{'-'.join(names)}"
        text = render(*tiny_trial(pipes[family], family, names))
        (folder / f"{stem}.py").write_text(text, encoding="utf-8")
        jobs.append(
            {
                "script": f"{stem}.py",
                "model": str(models[family]),
                "prompts": PROMPTS,
                "seed": SEED,
                "out": f"{stem}.pt",
            }
        )
    subprocess.run(
        [sys.executable, "-I", draw_with_scripts.__file__],
        input=json.dumps(jobs),
        text=True,
        check=True,
        cwd=folder,
    )

    def read(family: str, names: tuple[str, ...]) -> list[torch.Tensor]:
        pictures: list[torch.Tensor] = torch.load(folder / f"{family}-{'-'.join(names)}.pt")
        return pictures

    return read
