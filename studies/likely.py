"""Checks, without torch, of a study that is only offered to a person."""

from __future__ import annotations

from accel_space.applying import find_methods
from accel_space.method import Context
from accel_space.profile import SchedulerProfile
from accel_space.stack import Stack
from objectives.pipelines.catalogue import find_pipeline
from studies.planning.stacks import check_machine
from studies.request import StudyRequest


def check_likely(request: StudyRequest, is_cpu: bool) -> None:
    """Check that a study of a request could begin; `make_plan` checks everything.

    It assumes the catalogue's own model and evenly spaced timesteps, because the true timesteps
    need diffusers.

    Args:
        request: The request.
        is_cpu: Whether it would run on a CPU.

    Raises:
        RefusedError: If a method cannot work on this denoiser or device.
    """
    entry, methods = find_pipeline(request.pipeline), find_methods(request.methods)
    architecture = entry.architecture
    context = Context(
        profile=architecture.profile(*request.generation.size_with(entry, architecture)),
        scheduler=SchedulerProfile(request.scheduler, 1, _evenly(request.steps), _evenly),
        steps=request.steps,
        guidance_scale=request.generation.guidance_with(entry),
        methods=frozenset(method.name for method in methods),
        device="cpu" if is_cpu else "cuda",
    )
    check_machine(Stack(context))


def _evenly(steps: int) -> tuple[float, ...]:
    return tuple(1000 - 1000 * step / steps for step in range(steps))
