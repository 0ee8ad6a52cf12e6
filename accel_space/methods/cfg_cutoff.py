"""CFG cutoff: no classifier-free guidance behind a step, as diffusers' SDCFGCutoffCallback does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from accel_space.denoiser import conditional_half, find_denoiser, why_unguided
from accel_space.method import Choices, Code, Context, Generate, Method, Params, Skipped, Space
from accel_space.methods.deepcache import halve_cached_features
from accel_space.methods.pab import halve_broadcasts

SHARES = range(1, 10)
"""Tenths of the steps; diffusers' own example cuts guidance off after 4."""

DEFAULT_SHARE = 4


class CFGCutoff(Method):
    """Guide up to and with the step `cutoff_step_index`, and halve the batch from then on.

    diffusers' callback does so for one prompt only, and PixArt's pipelines take no such callback.
    """

    name = "cfg_cutoff"
    title = "CFG cutoff"
    after = frozenset({"deepcache", "pab"})
    conflicts: ClassVar[Mapping[str, str]] = {"tgate": "both end the guidance"}

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if context.steps < 2:
            return (
                "CFG cutoff guides the first step at least, and steps is "
                f"{context.steps}; use 2 steps or more"
            )
        return why_unguided(self.title, context)

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        last = context.steps - 2
        default, *cutoffs = (
            min(context.steps * share // 10, last) for share in (DEFAULT_SHARE, *SHARES)
        )
        return {"cutoff_step_index": Choices(tuple(sorted(set(cutoffs))), default=default)}

    def skipped(self, params: Params, context: Context) -> Skipped:
        """See `Method.skipped`."""
        guided = _guided_calls(params)
        return {"guidance": tuple(float(call >= guided) for call in range(context.calls))}

    def apply(self, pipe: Any, params: Params, context: Context, generate: Generate) -> Generate:
        """See `Method.apply`."""
        restart = cut_guidance_off(pipe, _guided_calls(params), _halvers(context.methods))

        def generate_anew(*args: Any, **kwargs: Any) -> Any:
            restart()
            return generate(*args, **kwargs)

        return generate_anew

    def code(self, params: Params, pipeline_class: str, methods: Iterable[str]) -> Code:
        """See `Method.code`."""
        halvers = _halvers(methods)
        names = ", ".join(halver.__name__ for halver in halvers)
        return Code(
            imports={"collections.abc": ("Callable",)},
            functions=(find_denoiser, conditional_half, *halvers, cut_guidance_off),
            patch=(
                f"halvers = [{names}]",
                f"restart = cut_guidance_off(pipe, {_guided_calls(params)}, halvers)",
                "pipe.restart_guidance = restart",
            ),
            before_call=("pipe.restart_guidance()",),
        )


def cut_guidance_off(
    pipe: Any, guided_calls: int, halvers: list[Callable[[Any, int], None]]
) -> Callable[[], None]:
    """Guide a pipe's denoiser in its first calls, and halve the batch from then on.

    Args:
        pipe: The diffusers pipeline.
        guided_calls: How many calls are guided.
        halvers: What halves the caches of other methods, by pipe and guided batch.

    Returns:
        What must be called before each picture.
    """
    import torch

    denoiser = find_denoiser(pipe)
    forward = denoiser.forward
    calls = 0

    def cut_off(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls <= guided_calls:
            return forward(*args, **kwargs)
        batch = len(args[0])
        if calls == guided_calls + 1:
            for halve in halvers:
                halve(pipe, batch)
        args, kwargs = conditional_half(args, batch), conditional_half(kwargs, batch)
        (prediction,) = forward(*args, **kwargs)
        # Guiding between two equal predictions gives that one, at whatever scale.
        return (torch.cat([prediction, prediction]),)

    def restart() -> None:
        nonlocal calls
        calls = 0

    denoiser.forward = cut_off
    return restart


def _guided_calls(params: Params) -> int:
    return int(params["cutoff_step_index"]) + 1


def _halvers(methods: Iterable[str]) -> list[Callable[[Any, int], None]]:
    """What halves the caches of the other methods."""
    known = {"deepcache": halve_cached_features, "pab": halve_broadcasts}
    return [halver for name, halver in known.items() if name in methods]
