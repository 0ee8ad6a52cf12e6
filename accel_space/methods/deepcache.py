"""DeepCache: reuse the UNet's deep features over neighbouring steps (arXiv 2312.00858)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accel_space.denoiser import conditional_half
from accel_space.method import Choices, Context, Method, Params, Space
from accel_space.profile import Profile
from accel_space.schedule import Static

LAYERS_PER_BLOCK = 3
"""DeepCache 0.1.1 numbers a branch as 3 x block + layer, whatever the UNet."""

INTERVALS = range(2, 6)
BRANCHES = range(0, 4)


def apply_deepcache(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    cache_interval: int,
    cache_branch_id: int,
) -> Callable[..., Any]:
    """Recompute the UNet's deep part at every `cache_interval`-th step only."""
    from types import SimpleNamespace

    from DeepCache import DeepCacheSDHelper

    # The helper looks for a `unet`, whatever the pipeline calls it.
    parts = SimpleNamespace(unet=getattr(pipe, denoiser), scheduler=pipe.scheduler)
    helper = DeepCacheSDHelper(pipe=parts)
    helper.set_params(cache_interval=cache_interval, cache_branch_id=cache_branch_id)
    helper.enable()
    # Where tgate's combined loader leaves its helper too.
    pipe.deepcache = helper
    return generate


def halve_cached_features(pipe: Any, denoiser: Any, batch: int) -> None:
    """Halve what DeepCache keeps of a guided batch, for an unguided one."""
    pipe.deepcache.cached_output = conditional_half(pipe.deepcache.cached_output, batch)


class DeepCache(Method):
    """Recompute the whole UNet every `cache_interval` steps, and only its shallow part otherwise.

    `cache_branch_id` says how far down the shallow part reaches.
    """

    name = "deepcache"
    title = "DeepCache"
    words = ("DeepCache", "deep cache")
    library = "DeepCache"
    accelerate = staticmethod(apply_deepcache)
    halve = staticmethod(halve_cached_features)

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if not context.profile.down_resnets:
            return (
                "DeepCache needs a UNet's way down and way up, and the denoiser of "
                f"{context.profile.pipeline_class} has none"
            )
        if context.family.latents_keyword:
            return (
                "DeepCache finds the timestep by its place in a call, and "
                f"{context.profile.pipeline_class} calls its denoiser by keywords"
            )
        if not context.profile.has_mid_block:
            return "DeepCache wraps the UNet's mid block, and this UNet has none"
        if context.scheduler.order > 1 or context.scheduler.repeats_timesteps:
            return (
                f"DeepCache finds the step by its timestep, and in {context.scheduler.name} a step "
                "has two or shares one"
            )
        if context.steps < min(INTERVALS):
            return (
                f"DeepCache reuses what an earlier step computed, and steps is {context.steps}; "
                f"use {min(INTERVALS)} steps or more"
            )
        return None

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        branches = range(min(len(BRANCHES), LAYERS_PER_BLOCK * len(context.profile.down_resnets)))
        return {
            "cache_interval": Choices(tuple(INTERVALS), default=3, least=1),
            "cache_branch_id": Choices(tuple(branches), default=0),
        }

    def off(self, context: Context) -> Params:
        """See `Method.off`."""
        return {"cache_interval": 1}

    def schedule(self, params: Params, context: Context) -> Static:
        """See `Method.schedule`: the UNet's `depth`; no call skips its way in."""
        interval = int(params["cache_interval"])
        computed = _layers_computed(int(params["cache_branch_id"]), context.profile)
        *inner, last = context.profile.down_resnets
        # The way in, which every branch computes, and the mid block, which none does, count as one
        # layer each.
        share = 1 - (computed + 1) / (sum(inner) + len(inner) + last + 2)
        return Static(
            {
                "depth": tuple(
                    share
                    if (step - max(each for each in context.restarts if each <= step)) % interval
                    else 0.0
                    for step in range(context.calls)
                )
            }
        )

    def why_not_pipe(self, pipe: Any) -> str | None:
        """See `Method.why_not_pipe`: CPU offload's hooks drop half of the patch after a call."""
        if getattr(pipe, "_all_hooks", None):
            return (
                "DeepCache cannot work on a pipeline with CPU offload; "
                "call pipe.remove_all_hooks() first"
            )
        return None


def _layers_computed(branch: int, profile: Profile) -> int:
    """Count the layers that a branch computes at each step and that reach the picture.

    A block's layers are its resnets and, except in the last block, its downsampler. The downsampler
    counts only for branches of later blocks. For others, DeepCache skips all that would use its
    output, though it still calls the downsampler in a block of one resnet.
    """
    block, layer = divmod(branch, LAYERS_PER_BLOCK)
    resnets = profile.down_resnets
    if block >= len(resnets):
        return sum(resnets) + len(resnets) - 1
    return sum(resnets[:block]) + block + min(layer, resnets[block])
