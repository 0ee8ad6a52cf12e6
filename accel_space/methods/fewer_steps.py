"""Fewer steps of the same scheduler: the yardstick for every cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from accel_space.errors import RefusedError
from accel_space.method import Choices, Context, Method, Params, Space
from accel_space.schedule import Static

TENTHS = range(3, 10)
"""The tenths of the combination's steps that are worth trying."""

DEFAULT_TENTHS = 5

LEAST_STEPS = 2


def apply_fewer_steps(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    num_inference_steps: int,
) -> Callable[..., Any]:
    """Generate in `num_inference_steps` steps, whatever is asked for."""

    def generate_in_fewer(*args: Any, **kwargs: Any) -> Any:
        kwargs["num_inference_steps"] = num_inference_steps
        return generate(*args, **kwargs)

    return generate_in_fewer


class FewerSteps(Method):
    """Let the same scheduler take `num_inference_steps` steps instead of the combination's."""

    name = "fewer_steps"
    title = "fewer steps"
    words = ("fewer steps", "reduced steps", "减步")
    # T-GATE generates with a call of its own.
    after = frozenset({"tgate"})
    holds: ClassVar[Mapping[str, str]] = {
        "num_inference_steps": "it takes fewer steps than these, whatever is asked for"
    }
    accelerate = staticmethod(apply_fewer_steps)

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if context.steps <= LEAST_STEPS:
            return (
                f"fewer_steps takes {LEAST_STEPS} steps at least, and steps is {context.steps}; "
                f"use {LEAST_STEPS + 1} steps or more"
            )
        return None

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        default, *counts = (
            max(LEAST_STEPS, context.steps * tenths // 10) for tenths in (DEFAULT_TENTHS, *TENTHS)
        )
        return {
            "num_inference_steps": Choices(tuple(sorted(set(counts))), default, least=LEAST_STEPS)
        }

    def off(self, context: Context) -> Params:
        """See `Method.off`."""
        return {"num_inference_steps": context.steps}

    def schedule(self, params: Params, context: Context) -> Static:
        """See `Method.schedule`: the share of the `steps` that is not taken, at every call."""
        steps = int(params["num_inference_steps"])
        if steps > context.steps:
            raise RefusedError(
                f"num_inference_steps must be at most the study's {context.steps}, not {steps}"
            )
        return Static({"steps": (1 - steps / context.steps,) * context.calls})

    def narrowed(self, params: Params, context: Context) -> Context:
        """See `Method.narrowed`."""
        steps = int(params["num_inference_steps"])
        return replace(context, steps=steps, scheduler=context.scheduler.at(steps))
