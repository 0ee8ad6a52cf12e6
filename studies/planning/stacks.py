"""The stack of a request: its methods in their context, made from configurations only."""

from __future__ import annotations

from functools import partial

from accel_space.applying import find_methods
from accel_space.errors import RefusedError
from accel_space.method import Context
from accel_space.stack import Stack
from objectives.errors import InputError
from objectives.pipelines.architecture import Architecture
from objectives.pipelines.entry import PipelineEntry
from objectives.pipelines.scheduler_options import chosen_settings
from objectives.pipelines.schedulers import (
    Settings,
    make_scheduler,
    scheduler_choices,
    scheduler_name,
    scheduler_profile,
)
from studies.request import StudyRequest


def make_stack(
    request: StudyRequest,
    entry: PipelineEntry,
    architecture: Architecture,
    device: str = "cuda",
) -> Stack:
    """Make the stack of a request, and check by configurations only that it can work.

    Args:
        request: The request.
        entry: The pipeline's entry in the catalogue.
        architecture: The architecture of the model.
        device: The kind of device; some methods work only on a GPU.

    Raises:
        InputError: If the scheduler is unknown or does not suit the model.
        RefusedError: If the methods cannot work in this combination.
    """
    if not request.methods:
        raise InputError("a study needs at least one method; give --methods")
    methods = [method.name for method in find_methods(request.methods)]
    name, config = scheduler_name(request.scheduler), architecture.scheduler
    settings, _ = scheduler_settings(request, entry, architecture)
    scheduler = make_scheduler(name, config, settings)
    profile = architecture.profile(*request.generation.size_with(entry, architecture))
    return Stack(
        Context(
            profile=profile,
            scheduler=scheduler_profile(scheduler, request.steps, profile),
            steps=request.steps,
            guidance_scale=request.generation.guidance_with(entry),
            methods=frozenset(methods),
            device="cpu" if device == "cpu" else "cuda",
            other_schedulers=partial(scheduler_choices, config, profile, request.steps),
        )
    )


def scheduler_settings(
    request: StudyRequest, entry: PipelineEntry, architecture: Architecture
) -> tuple[Settings, Settings]:
    """Return the scheduler's settings, and those of them that the request chose."""
    return chosen_settings(
        scheduler_name(request.scheduler),
        architecture.scheduler,
        entry.pipeline_class,
        request.generation.scheduler_options,
    )


def check_machine(stack: Stack) -> None:
    """Raise RefusedError if this machine lacks something that a method needs."""
    for method in stack.methods:
        if reason := method.why_not_machine(stack.context.device):
            raise RefusedError(reason)
