"""CFG cutoff: no classifier-free guidance after a step, as in diffusers' SDCFGCutoffCallback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from accel_space.denoiser import conditional_half, why_unguided
from accel_space.method import Choices, Context, Method, Params, Space
from accel_space.schedule import Static

SHARES = range(1, 10)
"""Tenths of the steps; diffusers' own example cuts guidance off after 4."""

DEFAULT_SHARE = 4


def apply_cfg_cutoff(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    latents_keyword: str,
    second_call: bool,
    lists: bool,
    cutoff_step_index: int,
    halvers: list[Callable[[Any, Any, int], None]],
) -> Callable[..., Any]:
    """Guide up to and including a step, then skip the empty prompts' half or call."""
    module = getattr(pipe, denoiser)
    forward = module.forward
    calls = 0
    guided: Any = None

    def cut_off(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls, guided
        step, is_second = divmod(calls, 2) if second_call else (calls, 0)
        calls += 1
        if step <= cutoff_step_index or (second_call and not is_second):
            prediction = forward(*args, **kwargs)
            guided = prediction if second_call else None
            return prediction
        if second_call:
            # Guiding between two equal predictions gives the same one, at any scale.
            return guided
        if lists:
            return draw_first_half(forward, args, kwargs)
        batch = len(kwargs[latents_keyword] if latents_keyword else args[0])
        if step == cutoff_step_index + 1:
            for halve in halvers:
                halve(pipe, module, batch)
        return draw_second_half(forward, args, kwargs, batch)

    def generate_anew(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls = 0
        return generate(*args, **kwargs)

    module.forward = cut_off
    return generate_anew


def draw_second_half(
    forward: Callable[..., Any],
    args: Any,
    kwargs: Any,
    batch: int,
) -> Any:
    """Predict only for the prompts, which are the second half of a guided batch."""
    import torch

    args, kwargs = conditional_half(args, batch), conditional_half(kwargs, batch)
    (prediction,) = forward(*args, **kwargs)
    return (torch.cat([prediction, prediction]),)


def draw_first_half(forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Predict only for the prompts, where they come first and all inputs are lists."""
    pictures = len(args[0]) // 2
    (prediction,) = forward(*(each[:pictures] for each in args), **kwargs)
    return ([*prediction, *prediction],)


class CFGCutoff(Method):
    """Guide up to and including the step `cutoff_step_index`, then draw without guidance.

    diffusers' callback works for one prompt only, and PixArt's pipelines take no such callback.
    """

    name = "cfg_cutoff"
    title = "CFG cutoff"
    words = ("CFG cutoff", "CFG cut off", "guidance cutoff", "引导截断")
    holds: ClassVar[Mapping[str, str]] = {
        "num_inference_steps": "CFG cutoff ends the guidance at one of these steps",
        "guidance_scale": "CFG cutoff halves the guided batch",
    }
    accelerate = staticmethod(apply_cfg_cutoff)
    conflicts: ClassVar[Mapping[str, str]] = {"tgate": "both end the guidance"}

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if context.steps < 2:
            return (
                "CFG cutoff guides the first step at least, and steps is "
                f"{context.steps}; use 2 steps or more"
            )
        if context.family.lists and (others := context.halved_methods):
            return (
                f"{min(others)} keeps a guided batch's features, and without the empty prompts "
                f"those of {context.profile.pipeline_class} have another length; leave one of them "
                "out"
            )
        return why_unguided(self.title, context)

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        last = context.steps - 2
        default, *cutoffs = (
            min(context.steps * share // 10, last) for share in (DEFAULT_SHARE, *SHARES)
        )
        return {"cutoff_step_index": Choices(tuple(sorted(set(cutoffs))), default=default)}

    def off(self, context: Context) -> Params:
        """See `Method.off`."""
        return {"cutoff_step_index": context.steps - 1}

    def schedule(self, params: Params, context: Context) -> Static:
        """See `Method.schedule`."""
        guided = int(params["cutoff_step_index"]) + 1
        return Static({"guidance": tuple(float(call >= guided) for call in range(context.calls))})
