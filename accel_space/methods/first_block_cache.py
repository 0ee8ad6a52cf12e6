"""First-Block-Cache: reuse all blocks but the first while that hardly changes, by diffusers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from accel_space.caches import halve_states, with_new_states, with_text_outputs
from accel_space.denoiser import why_nothing_to_reuse
from accel_space.method import Choices, Context, Method, Params, Space
from accel_space.schedule import Dynamic, Static

THRESHOLDS = (0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4)

DEFAULT_THRESHOLD = 0.05
"""diffusers' own."""


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
    """Whether the call that has just ended left out all blocks but the first."""
    hook = denoiser.transformer_blocks[0]._diffusers_hook.get_hook("fbc_leader_block_hook")
    return not hook.state_manager.get_state().should_compute


class FirstBlockCache(Method):
    """Reuse what all transformer blocks but the first add, where the first one's output allows it.

    It does where its residual differs by less than `threshold` of itself from that of the last
    call that computed all. Both halves of a guided batch decide together.
    """

    name = "first_block_cache"
    title = "First-Block-Cache"
    words = ("First-Block-Cache", "FBCache", "FB cache", "首块缓存")
    accelerate = staticmethod(apply_first_block_cache)
    halve = staticmethod(halve_states)
    has_hit = staticmethod(has_reused_blocks)
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
        return {"threshold": Choices(THRESHOLDS, default=DEFAULT_THRESHOLD)}

    def off(self, context: Context) -> Params:
        """See `Method.off`."""
        return {"threshold": 0.0}

    def schedule(self, params: Params, context: Context) -> Static | Dynamic:
        """See `Method.schedule`: no change is less than a threshold of 0."""
        if params["threshold"] == 0:
            return Static({})
        return Dynamic({"threshold": float(params["threshold"])})
