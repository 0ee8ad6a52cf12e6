"""T-GATE: no guidance and no new cross-attention after a gate (arXiv 2404.02747)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from inspect import signature, unwrap
from types import FunctionType, MethodType
from typing import Any, ClassVar

from accel_space.denoiser import why_unguided
from accel_space.errors import RefusedError
from accel_space.method import Choices, Context, Method, Params, Space
from accel_space.schedule import Static

GATE_STEPS = range(5, 20)
SP_INTERVALS = range(2, 10)
FI_INTERVALS = range(1, 6)
WARM_UPS = range(1, 4)


LOADERS = {
    "StableDiffusionPipeline": "TgateSD",
    "StableDiffusionXLPipeline": "TgateSDXL",
    "PixArtAlphaPipeline": "TgatePixArtAlpha",
    "PixArtSigmaPipeline": "TgatePixArtSigma",
}
"""The beginning of the names of tgate's loaders, by pipeline class. For a UNet there is one for
DeepCache and T-GATE as well."""

DEFAULTS = {
    "StableDiffusionPipeline": (10, 5),
    "StableDiffusionXLPipeline": (10, 5),
    "PixArtAlphaPipeline": (15, 3),
    "PixArtSigmaPipeline": (15, 3),
}
"""The authors' gate_step and sp_interval."""


def apply_tgate(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    gate_step: int,
    sp_interval: int,
    fi_interval: int,
    warm_up: int,
    cache_interval: int = 0,
    cache_branch_id: int = 0,
) -> Callable[..., Any]:
    """Guide and attend to the prompt before `gate_step`; an interval adds DeepCache."""
    import tgate

    names = [kind.__name__ for kind in type(pipe).__mro__]
    loader = next(LOADERS[name] for name in names if name in LOADERS)
    if cache_interval:
        load = getattr(tgate, f"{loader}DeepCacheLoader")
        load(pipe, cache_interval=cache_interval, cache_branch_id=cache_branch_id)
    else:
        getattr(tgate, f"{loader}Loader")(pipe)
    pipe.tgate = without_registering_replays(pipe.tgate)
    calls = (type(pipe).__call__, pipe.tgate)
    accepted = set.intersection(*(set(signature(call).parameters) for call in calls))

    def gated(*args: Any, **kwargs: Any) -> Any:
        # tgate swallows what it does not know, and is a copy of an older call.
        unknown = sorted(kwargs.keys() - accepted)
        if unknown:
            name = type(pipe).__name__
            raise TypeError(f"{name} with T-GATE takes no {unknown[0]!r}")
        if cache_interval:
            # DeepCache would count on from a call that failed after the gate.
            pipe.deepcache.start_timestep = None
        return pipe.tgate(
            *args,
            **kwargs,
            gate_step=gate_step,
            sp_interval=sp_interval,
            fi_interval=fi_interval,
            warm_up=warm_up,
        )

    return gated


def without_registering_replays(call: Any) -> Callable[..., Any]:
    """Keep tgate's call from replacing attentions before a call that is replayed.

    A replayed CUDA graph holds the attentions that were replaced during its capture.
    """
    import torch

    function = unwrap(call.__func__)
    register = function.__globals__["register_forward"]

    def register_forward(model: Any, *args: Any, **kwargs: Any) -> None:
        if not getattr(model, "replays", False):
            register(model, *args, **kwargs)

    own = FunctionType(
        function.__code__,
        {**function.__globals__, "register_forward": register_forward},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    own.__kwdefaults__ = function.__kwdefaults__
    bound: Callable[..., Any] = MethodType(torch.no_grad()(own), call.__self__)
    return bound


class TGate(Method):
    """Guide and compute cross-attention only before `gate_step`.

    Self-attention is computed every `sp_interval` steps between `warm_up` and the gate, and every
    `fi_interval` steps from the gate on.
    """

    name = "tgate"
    title = "T-GATE"
    words = ("T-GATE", "temporal gate", "temporal gating")
    after = frozenset({"deepcache"})
    includes = frozenset({"deepcache"})
    library = "tgate"
    holds: ClassVar[Mapping[str, str]] = {
        "num_inference_steps": "T-GATE's gate stands at one of these steps",
        "guidance_scale": "T-GATE halves the guided batch",
    }
    accelerate = staticmethod(apply_tgate)

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if context.profile.pipeline_class not in LOADERS:
            known = ", ".join(LOADERS)
            return f"tgate has no loader for {context.profile.pipeline_class}, only for {known}"
        if context.scheduler.order > 1:
            return (
                f"T-GATE counts one denoiser call a step, and {context.scheduler.name} makes "
                f"{context.scheduler.order}"
            )
        if context.profile.pipeline_class == "PixArtAlphaPipeline" and (
            context.scheduler.repeats_timesteps
        ):
            return (
                "tgate's loader for PixArtAlphaPipeline ends the guidance at the wrong step of "
                f"{context.scheduler.name}"
            )
        if context.steps <= min(GATE_STEPS):
            return (
                f"T-GATE's gate_step is {min(GATE_STEPS)} at least and must be less than steps, "
                f"which is {context.steps}; use {min(GATE_STEPS) + 1} steps or more"
            )
        return why_unguided(self.title, context)

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        gate, interval = DEFAULTS[context.profile.pipeline_class]
        gates = tuple(gate for gate in GATE_STEPS if gate < context.steps)
        alone = context.lossy_methods == {self.name}
        # In a stack nothing may be reused (see `schedule`), so warm_up means nothing there.
        sp_intervals = Choices(tuple(SP_INTERVALS), default=interval, least=1)
        fi_intervals = Choices(tuple(FI_INTERVALS), default=1, least=1)
        return {
            "gate_step": Choices(gates, default=min(gate, gates[-1])),
            "sp_interval": sp_intervals if alone else Choices((1,), default=1, least=1),
            "fi_interval": fi_intervals if alone else Choices((1,), default=1, least=1),
            "warm_up": Choices(tuple(WARM_UPS), default=2) if alone else Choices((0,), default=0),
        }

    def narrowed(self, params: Params, context: Context) -> Context:
        """See `Method.narrowed`: its loader with DeepCache clears that cache around the gate."""
        gate = int(params["gate_step"])
        return replace(context, restarts=(*context.restarts, gate - 1, gate))

    def off(self, context: Context) -> Params:
        """See `Method.off`."""
        return {"gate_step": context.steps, "sp_interval": 1}

    def schedule(self, params: Params, context: Context) -> Static:
        """See `Method.schedule`."""
        gate, sp_interval, fi_interval, warm_up = (
            int(params[name]) for name in ("gate_step", "sp_interval", "fi_interval", "warm_up")
        )
        # A step always reuses the attention of the last step that computed it, and the last step
        # before the gate computes everything. So points differ only in which steps reuse.
        reused = tuple(
            step % sp_interval != 0 and step > warm_up
            if step < gate - 1
            else step % fi_interval != 0 and step >= gate
            for step in range(context.calls)
        )
        if any(reused) and context.lossy_methods != {self.name}:
            # DeepCache would leave the previous picture's self-attention in some caches, and
            # ToMe would unmerge an earlier step's self-attention with this step's matching.
            raise RefusedError(
                "in a stack with other methods T-GATE must not reuse self-attention; "
                "use sp_interval=1 and fi_interval=1"
            )
        behind = tuple(float(step >= gate) for step in range(context.calls))
        if not context.profile.attention_grids:
            return Static({"guidance": behind})
        return Static(
            {
                "guidance": behind,
                "cross_attention": behind,
                "self_attention": tuple(map(float, reused)),
            }
        )
