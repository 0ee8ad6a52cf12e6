"""Studies with one trial whose figures are made up, to write scripts of."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

from accel_space.errors import RefusedError
from accel_space.method import Context, Params
from accel_space.methods import METHODS
from accel_space.profile import SchedulerProfile
from accel_space.stack import Stack
from generator.artefacts.script import render_script
from generator.artefacts.source import Source
from objectives.pipelines.catalogue import PIPELINES, find_pipeline
from objectives.pipelines.entry import PipelineEntry
from objectives.pipelines.model import find_model
from objectives.pipelines.schedulers import Settings, scheduler_name, scheduler_settings
from storage.records.budgets import Budgets
from storage.records.combination import Combination
from storage.records.environment import Environment
from storage.records.protocol import Protocol
from storage.records.study import Space, Study
from storage.records.trial import Trial
from tests.default_points import default_of
from tests.made_records import made_measurement

STEPS = 20

VERSIONS = {
    "python": "3.11.9",
    "driver": "570.00",
    "torch": "2.13.0+cu130",
    "diffusers": "0.42.1",
    "transformers": "5.23.0",
    "DeepCache": "0.1.1",
    "tgate": "1.0.0",
    "tomesd": "0.1.3",
    "open_clip_torch": "3.3.0",
}

METHOD_SETS = [
    names
    for size in (1, 2)
    for names in combinations(METHODS, size)
    if not any(other in METHODS[name].conflicts for name, other in permutations(names, 2))
] + [("deepcache", "tgate", "tome"), ("deepcache", "compile", "cuda_graph")]
"""Every pair, the prototype's three, and the fastest stack."""


def made_study(
    pipeline: str,
    methods: Iterable[str],
    params: Params,
    scheduler: str = "",
    steps: int = STEPS,
    model: str | None = None,
    **protocol: Any,
) -> tuple[Study, Trial]:
    """A study of one trial.

    Args:
        pipeline: A name of the catalogue.
        methods: Names of methods.
        params: The trial's point.
        scheduler: A scheduler's name; empty for the pipeline's usual one.
        steps: num_inference_steps.
        model: What the protocol names; None names the pipeline's own.
        protocol: What differs from the pipeline's own.
    """
    entry = find_pipeline(pipeline)
    scheduler = scheduler or entry.usual_scheduler
    height, width = entry.size_with(entry.architecture)
    trial = Trial(
        number=12,
        params=dict(params),
        speedup=2.5,
        loss=0.0123,
        measurement=made_measurement(
            2.5,
            0.0123,
            baseline_s=0.3,
            speedup_ci=[2.4, 2.6],
            clip_loss_ci=[-0.002, 0.0266],
            latency_ci_s=[0.115, 0.125],
            peak_memory_mib=4000.0,
            samples=entry.num_samples,
        ),
    )
    combination = Combination(
        pipeline=pipeline, scheduler=scheduler, steps=steps, methods=tuple(methods)
    )
    study = Study(
        name=combination.study_name("0a1b2c3d"),
        combination=combination,
        protocol=Protocol.model_validate(
            {
                "model": model or own_model(entry),
                "scorer": f"{entry.scorer}@01234567",
                "prompts": f"{entry.prompts.name}@76543210",
                "num_samples": entry.num_samples,
                "batch_size": entry.batch_size,
                "height": height,
                "width": width,
                "guidance_scale": entry.guidance_scale,
                "dtype": entry.family.gpu_dtype,
                "seed": 0,
                "timed": "prompt to picture",
                **protocol,
            }
        ),
        environment=Environment(device="NVIDIA H100 80GB HBM3", versions=VERSIONS),
        space=Space(distinct=24, grid=24, choices={}),
        budgets=Budgets(0.02),
        trials=[trial],
        states={"complete": 1},
        scheduler_settings=_settings(pipeline, scheduler),
    )
    return study, trial


@cache
def _settings(pipeline: str, scheduler: str) -> Settings:
    entry = find_pipeline(pipeline)
    return scheduler_settings(
        scheduler_name(scheduler), entry.architecture.scheduler, entry.pipeline_class
    )


def own_model(entry: PipelineEntry) -> str:
    """The catalogue's own model of a pipeline as protocols name it; an address is not looked at."""
    if isinstance(entry.model, Path):
        return find_model(entry, None, None).name
    return f"{entry.model}@0123456789abcdef"


def rendered(study: Study, trial: Trial) -> str:
    """The script of a trial, with the catalogue's own model: an embedded one without its place."""
    entry = find_pipeline(study.combination.pipeline)
    model = entry.name if isinstance(entry.model, Path) else entry.model
    return render_script(study, trial, Source(model, variant=entry.variant))


def stack_at(pipeline: str, methods: Iterable[str]) -> Stack | None:
    """A stack at `STEPS` steps of DDIM; None if the pipeline refuses it."""
    entry = find_pipeline(pipeline)
    architecture = entry.architecture
    context = Context(
        profile=architecture.profile(*entry.size_with(architecture)),
        scheduler=SchedulerProfile("DDIMScheduler", 1, _timesteps(STEPS), _timesteps),
        steps=STEPS,
        guidance_scale=entry.guidance_scale,
        methods=frozenset(methods),
    )
    try:
        return Stack(context)
    except RefusedError:
        return None


def _timesteps(steps: int) -> tuple[float, ...]:
    return tuple(float(1000 // steps * step + 1) for step in reversed(range(steps)))


@cache
def catalogue_trials() -> tuple[tuple[Study, Trial], ...]:
    """A trial of every pipeline with every set of methods that it takes, at its default."""
    return tuple(
        # Golden files are not to change with the weights of the embedded models.
        made_study(pipeline, methods, default_of(stack), model=f"{pipeline}@89abcdef")
        for pipeline in PIPELINES
        for methods in METHOD_SETS
        if (stack := stack_at(pipeline, methods)) is not None
    )
