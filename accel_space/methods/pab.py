"""PAB: broadcast an attention's output to the next steps (arXiv 2408.12588), as in diffusers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from accel_space.denoiser import conditional_half, why_nothing_to_reuse
from accel_space.method import Choices, Context, Method, Params, Space
from accel_space.schedule import Static

TIMESTEPS = (100, 800)
"""diffusers' default: attention is reused only at timesteps between these two."""

SELF_RANGES = range(2, 6)
CROSS_RANGES = range(2, 7)


def apply_pab(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    spatial_attention_block_skip_range: int,
    cross_attention_block_skip_range: int | None = None,
) -> Callable[..., Any]:
    """Compute self-attention and cross-attention only every so many steps."""
    from diffusers.hooks.pyramid_attention_broadcast import (
        PyramidAttentionBroadcastConfig,
        apply_pyramid_attention_broadcast,
    )

    module = getattr(pipe, denoiser)
    current: list[Any] = []
    calls = 0

    def count(*_: Any) -> None:
        nonlocal current, calls
        if calls == 0:
            # Once per picture, because on a GPU it waits for the device.
            current = pipe.scheduler.timesteps.tolist()
        calls += 1

    module.register_forward_pre_hook(count)
    config = PyramidAttentionBroadcastConfig(
        spatial_attention_block_skip_range=spatial_attention_block_skip_range,
        cross_attention_block_skip_range=cross_attention_block_skip_range,
        spatial_attention_timestep_skip_range=TIMESTEPS,
        cross_attention_timestep_skip_range=TIMESTEPS,
        current_timestep_callback=lambda: current[calls - 1],
    )
    apply_pyramid_attention_broadcast(module, config)

    def generate_anew(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls = 0
        for state in broadcast_states(module):
            state.reset()
        return generate(*args, **kwargs)

    return generate_anew


def halve_broadcasts(pipe: Any, denoiser: Any, batch: int) -> None:
    """Halve what PAB keeps of a guided batch, for an unguided one."""
    for state in broadcast_states(denoiser):
        state.cache = conditional_half(state.cache, batch)


def broadcast_states(denoiser: Any) -> Iterator[Any]:
    """Yield what PAB keeps of each attention from step to step."""
    for module in denoiser.modules():
        registry = getattr(module, "_diffusers_hook", None)
        hook = registry and registry.get_hook("pyramid_attention_broadcast")
        if hook:
            yield hook.state


class PAB(Method):
    """Compute self-attention (`spatial_...`) and cross-attention only every so many steps.

    A range of 1 computes it at every step. If picture and prompt share their attentions, all of
    them are spatial.
    """

    name = "pab"
    title = "PAB"
    words = ("PAB", "pyramid attention broadcast", "金字塔注意力广播")
    accelerate = staticmethod(apply_pab)
    halve = staticmethod(halve_broadcasts)
    conflicts: ClassVar[Mapping[str, str]] = {
        "deepcache": "PAB counts an attention's calls, and DeepCache leaves some of them out",
        "tgate": "both replace the attentions' forward",
        "tome": "ToMe would unmerge an earlier step's self-attention with this step's matching",
    }

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if not context.profile.attention_grids:
            return "PAB reuses attention, and this denoiser has none"
        if context.family.second_call:
            return (
                "PAB keeps one output of each attention, and this denoiser is called for the "
                "prompts and for the empty ones in turn"
            )
        if reason := why_nothing_to_reuse(self.title, context):
            return reason
        if not any(_reused(2, context)):
            low, high = TIMESTEPS
            return (
                f"PAB reuses attention at timesteps between {low} and {high}, and of "
                f"{context.scheduler.name}'s {context.steps} steps none can; use more steps"
            )
        return None

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        # The authors' values: 2 for spatial attention, 6 for cross-attention.
        spatial = Choices(tuple(SELF_RANGES), default=2, least=1)
        cross = Choices(tuple(CROSS_RANGES), default=6, least=1)
        if context.family.joint_attention:
            return {"spatial_attention_block_skip_range": spatial}
        return {
            "spatial_attention_block_skip_range": spatial,
            "cross_attention_block_skip_range": cross,
        }

    def off(self, context: Context) -> Params:
        """See `Method.off`."""
        return dict.fromkeys(self.space(context), 1)

    def schedule(self, params: Params, context: Context) -> Static:
        """See `Method.schedule`."""
        kinds = {"spatial": "self_attention", "cross": "cross_attention"}
        return Static(
            {
                kind: _reused(int(params[name]), context)
                for prefix, kind in kinds.items()
                if (name := f"{prefix}_attention_block_skip_range") in params
            }
        )


def _reused(skip_range: int, context: Context) -> tuple[float, ...]:
    """Give 1 for each denoiser call that reuses an attention, always the last one computed."""
    low, high = TIMESTEPS
    return tuple(
        float(call % skip_range != 0 and low < timestep < high)
        for call, timestep in enumerate(context.scheduler.timesteps)
    )
