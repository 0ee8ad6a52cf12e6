"""From what a person asks for to everything that a study needs; nothing is loaded or written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from accel_space.method import Context
from accel_space.stack import Stack, find_methods
from objectives.catalogue import Architecture, PipelineEntry, find_pipeline, read_architecture
from objectives.device import find_device
from objectives.environment import Environment, this_environment
from objectives.errors import InputError
from objectives.loading import default_dtype
from objectives.prompts import read_prompts
from objectives.protocol import Protocol, folder_fingerprint, prompts_fingerprint
from objectives.schedulers import make_scheduler, scheduler_name, scheduler_profile
from objectives.scorer import scorer_name

if TYPE_CHECKING:
    import torch

SAMPLERS = ("auto", "grid", "tpe", "nsga2", "random")

DEFAULT_LOSS_BUDGET = 0.02


@dataclass(frozen=True)
class Requirement:
    """What a point must reach for a search to end; None asks for nothing.

    Attributes:
        speedup: Least speedup.
        latency_s: Most seconds per picture.
    """

    speedup: float | None = None
    latency_s: float | None = None


@dataclass(frozen=True)
class StudyRequest:
    """One study as a person asks for it; what is None takes the pipeline's default.

    Attributes:
        pipeline: A name of the catalogue.
        scheduler: A scheduler's name.
        steps: num_inference_steps.
        methods: Names of the methods to stack.
        trials: How many distinct points the study is to have measured in the end.
        num_samples: How many prompts, one picture each.
        batch_size: How many pictures are generated together.
        seed: Of the noise and of the sampler.
        sampler: How points are chosen, one of `SAMPLERS`.
        prompts: A file of prompts.
        model: A folder in diffusers layout to use in place of the catalogue's model.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        timeout_s: Start no trial after this many seconds.
        requirement: End once a point meets it inside the loss budget.
        loss_budget: The greatest CLIP loss allowed.
        allow_version_drift: Go on although libraries have changed since the study began.
    """

    pipeline: str
    scheduler: str
    steps: int
    methods: tuple[str, ...]
    trials: int
    num_samples: int | None = None
    batch_size: int | None = None
    seed: int = 0
    sampler: str = "auto"
    prompts: Path | None = None
    model: Path | None = None
    device: str = "auto"
    timeout_s: float | None = None
    requirement: Requirement = Requirement()
    loss_budget: float | None = None
    allow_version_drift: bool = False


@dataclass(frozen=True)
class Plan:
    """One study, ready to be run.

    Attributes:
        request: What was asked for.
        architecture: The model folder and its configurations.
        scorer_folder: The folder of the open_clip model.
        combination: Pipeline, scheduler, steps and methods, in their one spelling.
        prompts: The protocol's prompts.
        protocol: How to measure.
        environment: Where.
        device: The same for torch.
        stack: The methods, in their context.
    """

    request: StudyRequest
    architecture: Architecture
    scorer_folder: Path
    combination: dict[str, Any]
    prompts: list[str]
    protocol: Protocol
    environment: Environment
    device: torch.device
    stack: Stack

    @property
    def study_name(self) -> str:
        """The name under which the study is stored: combination, then protocol and device."""
        identity = [self.protocol.model_dump(), self.environment.device]
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
        combination = self.combination
        parts = (
            combination["pipeline"],
            combination["scheduler"],
            str(combination["steps"]),
            "+".join(combination["methods"]),
            digest,
        )
        return "--".join(parts)

    @property
    def baseline_identity(self) -> dict[str, Any]:
        """All that the baseline's pictures depend on: everything but the methods."""
        combination = {key: self.combination[key] for key in ("pipeline", "scheduler", "steps")}
        return {
            **combination,
            "protocol": self.protocol.model_dump(),
            "environment": self.environment.model_dump(),
        }


def make_plan(request: StudyRequest) -> Plan:
    """Check a request and complete it.

    Raises:
        InputError: If something given cannot be used.
        RefusedError: If the methods cannot work in this combination.
    """
    _check_numbers(request)
    entry = find_pipeline(request.pipeline)
    if not request.methods:
        raise InputError("a study needs at least one method; give --methods")
    methods = [method.name for method in find_methods(request.methods)]
    scheduler = scheduler_name(request.scheduler)
    architecture = read_architecture(entry, request.model or entry.model)
    prompts = _pick_prompts(request, entry)
    device = find_device(request.device)
    protocol = _protocol(request, entry, architecture, prompts, default_dtype(device))
    context = Context(
        profile=architecture.profile(protocol.height, protocol.width),
        scheduler=scheduler_profile(
            make_scheduler(scheduler, architecture.scheduler), request.steps
        ),
        steps=request.steps,
        guidance_scale=protocol.guidance_scale,
        methods=frozenset(methods),
    )
    return Plan(
        request=request,
        architecture=architecture,
        scorer_folder=entry.scorer,
        combination={
            "pipeline": entry.name,
            "scheduler": scheduler,
            "steps": request.steps,
            "methods": methods,
        },
        prompts=prompts,
        protocol=protocol,
        environment=this_environment(device),
        device=device,
        stack=Stack(context),
    )


def _check_numbers(request: StudyRequest) -> None:
    requirement = request.requirement
    at_least = {
        "--steps": (request.steps, 1),
        "--trials": (request.trials, 1),
        # From one prompt alone there is no interval.
        "--num-samples": (request.num_samples, 2),
        "--batch-size": (request.batch_size, 1),
        "--seed": (request.seed, 0),
    }
    for option, (value, least) in at_least.items():
        if value is not None and value < least:
            raise InputError(f"{option} must be {least} or more, and {value} was given")
    above_zero = {
        "--timeout": request.timeout_s,
        "--req-speedup": requirement.speedup,
        "--req-time": requirement.latency_s,
    }
    for option, number in above_zero.items():
        if number is not None and not number > 0:
            raise InputError(f"{option} must be above 0, and {number:g} was given")
    if request.loss_budget is not None and not -1 < request.loss_budget < 1:
        raise InputError(
            "--req-score-loss is a share of the baseline's score, such as 0.02 for 2%, and "
            f"{request.loss_budget:g} was given"
        )
    if request.sampler not in SAMPLERS:
        raise InputError(f"unknown sampler {request.sampler!r}; use {', '.join(SAMPLERS)}")


def _pick_prompts(request: StudyRequest, entry: PipelineEntry) -> list[str]:
    """The first `num_samples` prompts of the file."""
    path = request.prompts or entry.prompts
    prompts = read_prompts(path)
    wanted = request.num_samples or min(entry.num_samples, len(prompts))
    if wanted > len(prompts):
        raise InputError(
            f"{path} holds {len(prompts)} prompts, and --num-samples asks for {wanted}; "
            "ask for fewer or give a longer file"
        )
    return prompts[:wanted]


def _protocol(
    request: StudyRequest,
    entry: PipelineEntry,
    architecture: Architecture,
    prompts: list[str],
    dtype: Literal["float16", "float32"],
) -> Protocol:
    folder = architecture.folder
    file = request.prompts or entry.prompts
    return Protocol(
        model=f"{folder.name}@{folder_fingerprint(folder)}",
        scorer=scorer_name(entry.scorer),
        prompts=f"{file.name}@{prompts_fingerprint(prompts)}",
        num_samples=len(prompts),
        batch_size=min(request.batch_size or entry.batch_size, len(prompts)),
        height=entry.height,
        width=entry.width,
        guidance_scale=entry.guidance_scale,
        dtype=dtype,
        seed=request.seed,
    )
