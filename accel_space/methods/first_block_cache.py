"""First-Block-Cache: reuse the later blocks while the first hardly changes, by diffusers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from accel_space.caches import halve_states, with_new_states, with_text_outputs
from accel_space.calibration.thresholds import spread_thresholds
from accel_space.denoiser import why_nothing_to_reuse
from accel_space.method import Choices, Context, Learned, Method, Params, Space
from accel_space.schedule import Dynamic, Static

THRESHOLDS = (0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4)
"""Common values, for a model from which nothing was learned."""

DEFAULT_THRESHOLD = 0.05
"""diffusers' default."""


def apply_first_block_cache(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    threshold: float,
) -> Callable[..., Any]:
    """Run the first block, and the others if its output has changed by `threshold`."""
    from diffusers.hooks import first_block_cache

    module = getattr(pipe, denoiser)
    with_text_outputs(module)
    config = first_block_cache.FirstBlockCacheConfig(threshold=threshold)
    first_block_cache.apply_first_block_cache(module, config)
    return with_new_states(module, generate)


def has_reused_blocks(denoiser: Any) -> bool:
    """Whether the call that has just ended skipped all blocks but the first."""
    return not _states(denoiser).get_state().should_compute


def _states(denoiser: Any) -> Any:
    """The state manager of diffusers' hooks."""
    hook = denoiser.transformer_blocks[0]._diffusers_hook.get_hook("fbc_leader_block_hook")
    return hook.state_manager


def learn_thresholds(denoiser: Any, draw: Callable[[], object]) -> Learned:
    """Find the thresholds of one batch, from the first hit up to where all calls hit.

    This compares all calls of a plain generation with each other. A real cache changes the calls
    after its first hit, so the hits of the greater thresholds are estimates.
    """
    from diffusers.hooks import first_block_cache

    with_text_outputs(denoiser)
    # Below 0 the cache never hits, and only keeps what the first block adds.
    config = first_block_cache.FirstBlockCacheConfig(threshold=-1.0)
    first_block_cache.apply_first_block_cache(denoiser, config)
    states = _states(denoiser)
    kept: dict[str, list[Any]] = {}

    def keep(*_: Any) -> None:
        residual = states.get_state().head_block_residual
        kept.setdefault(states.context.name, []).append(_sampled(residual))

    denoiser.register_forward_hook(keep)
    with_new_states(denoiser, draw)()
    changes = [_changes(residuals) for residuals in kept.values()]
    errors = [error for each in changes for row in each for error in row]
    return spread_thresholds(
        errors, lambda threshold: sum(_hits(each, threshold) for each in changes), len(THRESHOLDS)
    )


SAMPLED = 2**18
"""Values of a residual in its mean: few enough to keep all calls of a large picture in memory."""


def _sampled(residual: Any) -> Any:
    """Take the same values of every call's residual to the host, in the precision that decides."""
    import torch

    flat = residual.flatten()
    places = torch.randint(len(flat), (SAMPLED,), generator=torch.Generator().manual_seed(0))
    some = flat if len(flat) <= SAMPLED else flat[places.to(flat.device)]
    return some.cpu()


def _changes(residuals: Sequence[Any]) -> list[list[float]]:
    """Measure each call's relative difference in residual from each later call, as the hook does.

    The row of a call holds its differences from all calls before it.
    """
    sizes = [each.abs().mean() for each in residuals]
    return [
        [
            float((now - before).abs().mean() / size)
            for before, size in zip(residuals[:call], sizes[:call], strict=True)
        ]
        for call, now in enumerate(residuals)
    ]


def _hits(changes: Sequence[Sequence[float]], threshold: float) -> int:
    """Count the calls that hit at a threshold."""
    computed, hits = 0, 0
    for call in range(1, len(changes)):
        if changes[call][computed] <= threshold:
            hits += 1
        else:
            computed = call
    return hits


class FirstBlockCache(Method):
    """Reuse what all transformer blocks but the first add, if the first one hardly changes.

    Its residual must differ by less than the share `threshold` from that of the last call that
    computed all blocks. Both halves of a guided batch decide together.
    """

    name = "first_block_cache"
    title = "First-Block-Cache"
    words = ("First-Block-Cache", "FBCache", "FB cache", "首块缓存")
    accelerate = staticmethod(apply_first_block_cache)
    halve = staticmethod(halve_states)
    has_hit = staticmethod(has_reused_blocks)
    learns = "thresholds"
    learn = staticmethod(learn_thresholds)
    conflicts: ClassVar[Mapping[str, str]] = {
        "pab": "PAB counts an attention's calls, and First-Block-Cache leaves some of them out",
        "taylorseer": "both decide which blocks are computed",
        "tgate": "T-GATE keeps the attention of certain steps, and First-Block-Cache may not "
        "compute them",
    }

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if context.family.lists:
            return (
                "diffusers' First-Block-Cache asks a block for its hidden_states, and those of "
                f"{context.profile.pipeline_class} are called otherwise"
            )
        if "transformer_blocks" not in context.family.blocks:
            return (
                "First-Block-Cache needs transformer blocks one behind the other, and the denoiser "
                f"of {context.profile.pipeline_class} has other ones"
            )
        if context.profile.depth < 2:
            return "First-Block-Cache needs two blocks, and this transformer has one"
        return why_nothing_to_reuse(self.title, context)

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        values = context.learned.get(self.name) or THRESHOLDS
        default = min(values, key=lambda value: abs(value - DEFAULT_THRESHOLD))
        return {"threshold": Choices(values, default=default, are_learned=True)}

    def off(self, context: Context) -> Params:
        """See `Method.off`."""
        return {"threshold": 0.0}

    def schedule(self, params: Params, context: Context) -> Static | Dynamic:
        """See `Method.schedule`: no change is less than a threshold of 0."""
        if params["threshold"] == 0:
            return Static({})
        return Dynamic({"threshold": float(params["threshold"])})
