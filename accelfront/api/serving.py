"""A point in a pipeline other than the measured one: whether it works, and what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import Signature, signature
from typing import Any

from accel_space.applying import held_settings
from accel_space.errors import RefusedError
from accel_space.handed_over.as_measured import (
    call_differences,
    pipe_differences,
    refuse_no_numbers,
    with_native_size,
    with_unasked,
)
from accel_space.handed_over.installing import plain_call
from accel_space.method import Context
from accel_space.stack import Stack
from accelfront.api.trial import measured_call
from generator.artefacts.point import Point
from objectives.environment import this_environment
from objectives.errors import InputError
from objectives.pipelines.architecture import Architecture
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.given import check_pipe
from objectives.pipelines.schedulers import SCHEDULERS, scheduler_profile
from objectives.timing.device import is_cpu
from studies.planning.stacks import check_machine


@dataclass
class Serving:
    """A point in a pipe.

    Attributes:
        point: The point.
        architecture: The pipe's.
        stack: The point's methods, in the pipe as it is, called as it was measured.
        differences: How the pipe and the machine differ from the measurement.
    """

    point: Point
    architecture: Architecture
    stack: Stack
    differences: list[str]
    _pipe: Any
    _takes: Signature
    _working: set[tuple[Any, ...]] = field(default_factory=set)

    @classmethod
    def of(cls, pipe: Any, point: Point) -> Serving:
        """Check that a point can work in a pipe.

        Raises:
            InputError: If the pipe is of another class, or cannot be accelerated as it is.
            RefusedError: If the methods cannot work in it.
        """
        architecture = check_pipe(pipe)
        combination, protocol = point.combination, point.protocol
        measured = find_pipeline(combination.pipeline).pipeline_class
        if architecture.pipeline_class != measured:
            raise InputError(
                f"the point was measured in a {measured}, and this pipe is a "
                f"{architecture.pipeline_class}; take a point of a study of such a pipe"
            )
        profile = architecture.profile(protocol.height, protocol.width)
        stack = Stack(
            Context(
                profile=profile,
                scheduler=scheduler_profile(pipe.scheduler, combination.steps, profile),
                steps=combination.steps,
                guidance_scale=protocol.guidance_scale,
                methods=frozenset(combination.methods),
                device="cpu" if pipe._execution_device.type == "cpu" else "cuda",
                learned=point.learned,
            )
        )
        check_machine(stack)
        differences = list(_differences(pipe, point, stack))
        return cls(point, architecture, stack, differences, pipe, signature(plain_call(pipe)))

    def asks(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
        """List how a call's arguments differ from the measurement.

        Raises:
            InputError: If an argument is no number but must be one.
            RefusedError: If the point cannot work with the arguments.
        """
        bound = self._takes.bind_partial(*args, **kwargs)
        bound.apply_defaults()
        denoiser = self.stack.context.family.denoiser
        given = with_native_size(bound.arguments, self._pipe, denoiser)
        try:
            refuse_no_numbers(given)
        except ValueError as error:
            raise InputError(str(error)) from error
        measured = measured_call(self.point)
        # The arguments that decide whether methods can work.
        family = self.stack.context.family
        deciding = ("num_inference_steps", family.guidance_keyword, "height", "width")
        asked = tuple(given[name] for name in deciding)
        if asked not in self._working and asked != tuple(measured[name] for name in deciding):
            self._check(*asked)
            self._working.add(asked)
        try:
            settings = with_unasked(measured, self._takes)
            return call_differences(given, settings, self._held, family.guided_above)
        except ValueError as error:
            raise RefusedError(str(error)) from error

    @cached_property
    def _held(self) -> dict[str, str]:
        """The arguments of a call that must not change, by keyword, and why."""
        idle = self.stack.schedule(self.point.params).idle_methods
        active = (each for each in self.stack.methods if each.name not in idle)
        return held_settings(active, self.stack.context.family)

    def _check(self, steps: int, guidance: float, height: int, width: int) -> None:
        """Raise RefusedError if the point cannot work in a call."""
        profile = self.architecture.profile(height, width)
        there = replace(
            self.stack.context,
            profile=profile,
            scheduler=scheduler_profile(self._pipe.scheduler, steps, profile),
            steps=steps,
            guidance_scale=guidance,
        )
        Stack(there).schedule(self.point.params)


def _differences(pipe: Any, point: Point, stack: Stack) -> list[str]:
    """How a pipe and this machine differ from a point's measurement."""
    scheduler, there = point.combination.scheduler, point.environment
    found = pipe_differences(
        pipe,
        stack.context.family.denoiser,
        SCHEDULERS.get(scheduler, scheduler),
        point.scheduler_settings,
        point.protocol.dtype,
        on_gpu=not is_cpu(there.device),
    )
    here = this_environment(pipe._execution_device, stack.methods)
    pairs = [
        ("the device", here.device, there.device),
        *(
            (name, version, there.versions[name])
            for name, version in here.versions.items()
            if name in there.versions
        ),
    ]
    return found + [
        f"{name} is {now}, and {then} was measured" for name, now, then in pairs if now != then
    ]
