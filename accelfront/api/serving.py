"""A point in a pipeline that is not the one that was measured: whether it works, what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import signature
from typing import Any

from accel_space.installing import plain_call
from accel_space.method import Context
from accel_space.stack import Stack
from generator.artefacts.point import Point
from objectives.environment import this_environment
from objectives.errors import InputError
from objectives.pipelines.architecture import Architecture
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.given import check_pipe
from objectives.pipelines.schedulers import SCHEDULERS, scheduler_profile
from studies.plan import check_machine

Call = tuple[int, float, int, int]
"""Steps, guidance scale, height and width."""


@dataclass
class Serving:
    """A point in a pipe.

    Attributes:
        point: The point.
        architecture: The pipe's.
        stack: The point's methods, in the pipe as it is, called as it was measured.
        differences: What of the pipe and of the machine is not as it was measured.
    """

    point: Point
    architecture: Architecture
    stack: Stack
    differences: list[str]
    _signature: Any
    _working: set[Call] = field(default_factory=set)

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
        stack = Stack(
            Context(
                profile=architecture.profile(protocol.height, protocol.width),
                scheduler=scheduler_profile(pipe.scheduler, combination.steps),
                steps=combination.steps,
                guidance_scale=protocol.guidance_scale,
                methods=frozenset(combination.methods),
                device="cpu" if pipe._execution_device.type == "cpu" else "cuda",
            )
        )
        check_machine(stack)
        differences = list(_differences(pipe, point, stack))
        return cls(point, architecture, stack, differences, signature(plain_call(pipe)))

    def asks(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
        """What a call asks for that is not as it was measured.

        Raises:
            RefusedError: If the point cannot work with that.
        """
        bound = self._signature.bind_partial(*args, **kwargs)
        bound.apply_defaults()
        protocol, given = self.point.protocol, bound.arguments
        height, width = self.architecture.native_size
        asked = (
            given["num_inference_steps"],
            given["guidance_scale"],
            given["height"] or height,
            given["width"] or width,
        )
        measured = (
            self.point.combination.steps,
            protocol.guidance_scale,
            protocol.height,
            protocol.width,
        )
        if asked != measured and asked not in self._working:
            self._check(*asked)
            self._working.add(asked)
        names = ("num_inference_steps", "guidance_scale", "height", "width")
        return [
            f"{name} is {now:g}, measured with {then:g}"
            for name, now, then in zip(names, asked, measured, strict=True)
            if now != then
        ]

    def _check(self, steps: int, guidance: float, height: int, width: int) -> None:
        """Raise RefusedError if the point cannot work in a call."""
        context = self.stack.context
        there = replace(
            context,
            profile=self.architecture.profile(height, width),
            scheduler=context.scheduler.at(steps),
            steps=steps,
            guidance_scale=guidance,
        )
        Stack(there).schedule(self.point.params)


def _differences(pipe: Any, point: Point, stack: Stack) -> list[str]:
    """What of a pipe and of this machine is not as a point was measured."""
    scheduler = point.combination.scheduler
    config = pipe.scheduler.config
    now = this_environment(pipe._execution_device, stack.methods)
    pairs: list[tuple[str, Any, Any]] = [
        ("the scheduler", type(pipe.scheduler).__name__, SCHEDULERS.get(scheduler, scheduler)),
        *(
            (f"the scheduler's {name}", config.get(name), value)
            for name, value in point.scheduler_settings.items()
        ),
        ("the dtype", str(pipe.dtype).removeprefix("torch."), point.protocol.dtype),
        ("the device", now.device, point.environment.device),
        *(
            (name, version, point.environment.versions[name])
            for name, version in now.versions.items()
            if name in point.environment.versions
        ),
    ]
    return [f"{name} is {have}, measured with {had}" for name, have, had in pairs if have != had]
