"""PAB: broadcast an attention's output to the next steps (arXiv 2408.12588), as in diffusers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from accel_space.denoiser import conditional_half, find_denoiser
from accel_space.method import Choices, Code, Context, Generate, Method, Params, Skipped, Space

TIMESTEPS = (100, 800)
"""diffusers' default: attention is reused at timesteps between these two only."""

SELF_RANGES = range(2, 6)
CROSS_RANGES = range(2, 7)


class PAB(Method):
    """Compute self-attention (`spatial_...`) and cross-attention only every so many steps.

    A range of 1 computes it at every step.
    """

    name = "pab"
    title = "PAB"
    conflicts: ClassVar[Mapping[str, str]] = {
        "deepcache": "PAB counts an attention's calls, and DeepCache leaves some of them out",
        "tgate": "both replace the attentions' forward",
        "tome": "ToMe would unmerge an earlier step's self-attention with this step's matching",
    }

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if not context.profile.attention_grids:
            return "PAB reuses attention, and this UNet has none"
        if not any(_reused(2, context)):
            low, high = TIMESTEPS
            return (
                f"PAB reuses attention at timesteps between {low} and {high}, and of "
                f"{context.scheduler.name}'s {context.steps} steps none can; use more steps"
            )
        return None

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        # The authors' own: 2 for the spatial, 6 for the cross-attention.
        return {
            "spatial_attention_block_skip_range": Choices(tuple(SELF_RANGES), default=2, least=1),
            "cross_attention_block_skip_range": Choices(tuple(CROSS_RANGES), default=6, least=1),
        }

    def skipped(self, params: Params, context: Context) -> Skipped:
        """See `Method.skipped`."""
        spatial, cross = _skip_ranges(params)
        return {
            "self_attention": _reused(spatial, context),
            "cross_attention": _reused(cross, context),
        }

    def apply(self, pipe: Any, params: Params, context: Context, generate: Generate) -> Generate:
        """See `Method.apply`."""
        restart = broadcast_attention(pipe, *_skip_ranges(params), TIMESTEPS)

        def generate_anew(*args: Any, **kwargs: Any) -> Any:
            restart()
            return generate(*args, **kwargs)

        return generate_anew

    def code(self, params: Params, pipeline_class: str, methods: Iterable[str]) -> Code:
        """See `Method.code`."""
        spatial, cross = _skip_ranges(params)
        return Code(
            imports={"collections.abc": ("Callable", "Iterator")},
            functions=(find_denoiser, broadcast_attention, broadcast_states),
            patch=(
                f"restart = broadcast_attention(pipe, {spatial}, {cross}, {TIMESTEPS})",
                "pipe.restart_broadcast = restart",
            ),
            before_call=("pipe.restart_broadcast()",),
        )


def broadcast_attention(
    pipe: Any,
    spatial_skip_range: int,
    cross_skip_range: int,
    timesteps: tuple[int, int],
) -> Callable[[], None]:
    """Compute a pipe's attentions only every so many steps.

    Args:
        pipe: The diffusers pipeline.
        spatial_skip_range: Self-attention is computed every so many steps.
        cross_skip_range: Cross-attention is computed every so many steps.
        timesteps: Attention is reused at timesteps between these two only.

    Returns:
        What must be called before each picture.
    """
    from diffusers.hooks.pyramid_attention_broadcast import (
        PyramidAttentionBroadcastConfig,
        apply_pyramid_attention_broadcast,
    )

    denoiser = find_denoiser(pipe)
    current: list[Any] = []
    calls = 0

    def count(*_: Any) -> None:
        nonlocal current, calls
        if calls == 0:
            # Once a picture, as on a GPU it waits for the device.
            current = pipe.scheduler.timesteps.tolist()
        calls += 1

    def restart() -> None:
        nonlocal calls
        calls = 0
        for state in broadcast_states(denoiser):
            state.reset()

    denoiser.register_forward_pre_hook(count)
    config = PyramidAttentionBroadcastConfig(
        spatial_attention_block_skip_range=spatial_skip_range,
        cross_attention_block_skip_range=cross_skip_range,
        spatial_attention_timestep_skip_range=timesteps,
        cross_attention_timestep_skip_range=timesteps,
        current_timestep_callback=lambda: current[calls - 1],
    )
    apply_pyramid_attention_broadcast(denoiser, config)
    return restart


def halve_broadcasts(pipe: Any, batch: int) -> None:
    """Halve a guided batch's cached outputs, so that an unguided one can reuse them.

    Args:
        pipe: A pipe with PAB applied.
        batch: The guided batch's size.
    """
    for state in broadcast_states(find_denoiser(pipe)):
        state.cache = conditional_half(state.cache, batch)


def broadcast_states(denoiser: Any) -> Iterator[Any]:
    """What PAB keeps of each attention from step to step."""
    for module in denoiser.modules():
        registry = getattr(module, "_diffusers_hook", None)
        hook = registry and registry.get_hook("pyramid_attention_broadcast")
        if hook:
            yield hook.state


def _skip_ranges(params: Params) -> tuple[int, int]:
    """Those of self- and of cross-attention."""
    return (
        int(params["spatial_attention_block_skip_range"]),
        int(params["cross_attention_block_skip_range"]),
    )


def _reused(skip_range: int, context: Context) -> tuple[float, ...]:
    """1 for the denoiser calls that reuse an attention; what is reused is always the last one."""
    low, high = TIMESTEPS
    return tuple(
        float(call % skip_range != 0 and low < timestep < high)
        for call, timestep in enumerate(context.scheduler.timesteps)
    )
