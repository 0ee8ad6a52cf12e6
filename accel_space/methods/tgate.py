"""T-GATE: no guidance and no new cross-attention behind a gate (arXiv 2404.02747)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from inspect import signature
from typing import Any

from accel_space.denoiser import why_unguided
from accel_space.errors import RefusedError
from accel_space.method import Choices, Code, Context, Generate, Method, Params, Skipped, Space
from accel_space.methods.deepcache import refuse_offload

GATE_STEPS = range(5, 20)
SP_INTERVALS = range(2, 10)
FI_INTERVALS = range(1, 6)
WARM_UPS = range(1, 4)


DEEPCACHE_PARAMS = ("cache_interval", "cache_branch_id")
"""What the combined loaders take."""


FORGET_GATE = """\
# After a call that failed behind the gate DeepCache still counts from there.
pipe.deepcache.start_timestep = None"""


@dataclass(frozen=True)
class Loaders:
    """tgate's loaders for one pipeline class, and what its authors recommend there.

    Attributes:
        alone: Name of the loader of T-GATE.
        with_deepcache: Name of the loader of DeepCache and T-GATE; transformers, which DeepCache
            refuses, have none.
        gate_step: The recommended value.
        sp_interval: The recommended value.
    """

    alone: str
    with_deepcache: str = ""
    gate_step: int = 10
    sp_interval: int = 5


LOADERS = {
    "StableDiffusionPipeline": Loaders("TgateSDLoader", "TgateSDDeepCacheLoader"),
    "StableDiffusionXLPipeline": Loaders("TgateSDXLLoader", "TgateSDXLDeepCacheLoader"),
    "PixArtAlphaPipeline": Loaders("TgatePixArtAlphaLoader", gate_step=15, sp_interval=3),
    "PixArtSigmaPipeline": Loaders("TgatePixArtSigmaLoader", gate_step=15, sp_interval=3),
}


class TGate(Method):
    """Guide and compute cross-attention only before `gate_step`.

    Self-attention is computed every `sp_interval` steps between `warm_up` and the gate, and every
    `fi_interval` steps from the gate on.
    """

    name = "tgate"
    title = "T-GATE"
    after = frozenset({"deepcache"})
    absorbs = frozenset({"deepcache"})

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if context.profile.pipeline_class not in LOADERS:
            known = ", ".join(LOADERS)
            return f"tgate has no loader for {context.profile.pipeline_class}, only for {known}"
        if context.scheduler.order > 1:
            return (
                f"T-GATE counts one denoiser call a step, and {context.scheduler.name} makes "
                f"{context.scheduler.order}; take DDIM, DPM-Solver++ or UniPC"
            )
        if context.profile.pipeline_class == "PixArtAlphaPipeline" and (
            context.scheduler.repeats_timesteps
        ):
            return (
                "tgate's loader for PixArtAlphaPipeline ends the guidance at the wrong step of "
                f"{context.scheduler.name}; take DDIM, DPM-Solver++ or UniPC"
            )
        if context.steps <= min(GATE_STEPS):
            return (
                f"T-GATE's gate_step is {min(GATE_STEPS)} at least and must be less than steps, "
                f"which is {context.steps}; use {min(GATE_STEPS) + 1} steps or more"
            )
        return why_unguided(self.title, context)

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        loaders = LOADERS[context.profile.pipeline_class]
        gates = tuple(gate for gate in GATE_STEPS if gate < context.steps)
        alone = context.methods == {self.name}
        # In a stack nothing may be reused (see `skipped`), and there warm_up means nothing.
        sp_intervals = Choices(tuple(SP_INTERVALS), default=loaders.sp_interval, least=1)
        fi_intervals = Choices(tuple(FI_INTERVALS), default=1, least=1)
        return {
            "gate_step": Choices(gates, default=min(loaders.gate_step, gates[-1])),
            "sp_interval": sp_intervals if alone else Choices((1,), default=1, least=1),
            "fi_interval": fi_intervals if alone else Choices((1,), default=1, least=1),
            "warm_up": Choices(tuple(WARM_UPS), default=2) if alone else Choices((0,), default=0),
        }

    def skipped(self, params: Params, context: Context) -> Skipped:
        """See `Method.skipped`."""
        gate, sp_interval, fi_interval, warm_up = (
            int(params[name]) for name in ("gate_step", "sp_interval", "fi_interval", "warm_up")
        )
        # What is reused is always that of the last step that computed one, and the last step
        # before the gate computes everything: only which steps reuse can differ.
        reused = tuple(
            step % sp_interval != 0 and step > warm_up
            if step < gate - 1
            else step % fi_interval != 0 and step >= gate
            for step in range(context.calls)
        )
        if any(reused) and context.methods != {self.name}:
            # DeepCache would leave some caches with the previous picture's self-attention, and
            # ToMe would unmerge an earlier step's with the matching of this one.
            raise RefusedError(
                "beside another method T-GATE must not reuse self-attention; "
                "use sp_interval=1 and fi_interval=1"
            )
        behind = tuple(float(step >= gate) for step in range(context.calls))
        if not context.profile.attention_grids:
            return {"guidance": behind}
        return {
            "guidance": behind,
            "cross_attention": behind,
            "self_attention": tuple(map(float, reused)),
        }

    def apply(self, pipe: Any, params: Params, context: Context, generate: Generate) -> Generate:
        """See `Method.apply`."""
        import tgate

        loaders = LOADERS[context.profile.pipeline_class]
        if "deepcache" in context.methods:
            refuse_offload(pipe)
            cache = {name: int(params[name]) for name in DEEPCACHE_PARAMS}
            getattr(tgate, loaders.with_deepcache)(pipe, **cache)
        else:
            getattr(tgate, loaders.alone)(pipe)
        schedule = _schedule(params)
        accepted = (
            signature(type(pipe).__call__).parameters.keys()
            & signature(pipe.tgate).parameters.keys()
        )

        def gated(*args: Any, **kwargs: Any) -> Any:
            # tgate swallows what it does not know, and is a copy of an older call.
            unknown = sorted(kwargs.keys() - accepted)
            if unknown:
                raise TypeError(
                    f"{context.profile.pipeline_class} with T-GATE takes no {unknown[0]!r}"
                )
            if "deepcache" in context.methods:
                # After a call that failed behind the gate DeepCache still counts from there.
                pipe.deepcache.start_timestep = None
            return pipe.tgate(*args, **kwargs, **schedule)

        return gated

    def code(self, params: Params, pipeline_class: str, methods: Iterable[str]) -> Code:
        """See `Method.code`."""
        loaders = LOADERS[pipeline_class]
        combined = "deepcache" in methods
        loader = loaders.with_deepcache if combined else loaders.alone
        cache = {name: int(params[name]) for name in DEEPCACHE_PARAMS} if combined else {}
        arguments = "".join(f", {name}={value}" for name, value in cache.items())
        return Code(
            library="tgate",
            imports={"tgate": (loader,)},
            patch=(f"{loader}(pipe{arguments})",),
            before_call=(FORGET_GATE,) if combined else (),
            call="pipe.tgate",
            arguments=_schedule(params),
        )


def _schedule(params: Params) -> dict[str, int]:
    """T-GATE's own parameters, as its call takes them."""
    return {
        name: int(params[name]) for name in ("gate_step", "sp_interval", "fi_interval", "warm_up")
    }
