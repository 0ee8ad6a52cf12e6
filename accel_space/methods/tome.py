"""ToMe: merge similar tokens before self-attention and unmerge them after it (arXiv 2303.17604)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, sqrt
from typing import Any, ClassVar

from accel_space.errors import RefusedError
from accel_space.method import Choices, Context, Method, Params, Space
from accel_space.profile import Profile
from accel_space.schedule import Static

STRIDE = 2
"""tomesd's default sx = sy: one token of each 2x2 cell is kept, so at most 3 of 4 can be merged."""

RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75)
"""The prototype's 0.1-0.9; 0.8 and 0.9 merge no more than 0.75."""


def apply_tome(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    ratio: float,
    max_downsample: int,
) -> Callable[..., Any]:
    """Merge `ratio` of the tokens in self-attentions at `max_downsample` or finer."""
    import tomesd
    import torch

    module = getattr(pipe, denoiser)
    tomesd.apply_patch(module, ratio=ratio, max_downsample=max_downsample)

    def seeded(*args: Any, **kwargs: Any) -> Any:
        # tomesd would fork the global generator once and advance it from call to call,
        # so that the same seed would give different pictures.
        generator = torch.Generator(pipe._execution_device).manual_seed(0)
        module._tome_info["args"]["generator"] = generator
        return generate(*args, **kwargs)

    return seeded


def merging_generators(denoiser: Any) -> list[Any]:
    """The generator that tomesd draws from, at every call."""
    return [denoiser._tome_info["args"]["generator"]]


class ToMe(Method):
    """Merge `ratio` of the tokens in self-attentions at `max_downsample` of the latent or finer."""

    name = "tome"
    title = "ToMe"
    # Not "to me", which people also write.
    words = ("ToMe", "tomesd", "token merging", "token merge", "令牌合并", "词元合并")
    library = "tomesd"
    holds: ClassVar[Mapping[str, str]] = {
        side: "ToMe merges the tokens of grids of this size" for side in ("height", "width")
    }
    accelerate = staticmethod(apply_tome)
    generators = staticmethod(merging_generators)
    after = frozenset({"deepcache", "tgate"})

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if context.family.adaptive_norms:
            return (
                f"tomesd patches a UNet's blocks, and {context.profile.pipeline_class}'s take the "
                "timestep as well"
            )
        if context.family.latents_keyword:
            return (
                "tomesd finds the latents by their place in a call, and "
                f"{context.profile.pipeline_class} calls its denoiser by keywords"
            )
        if not _mergeable_downsamples(context.profile):
            height, width = context.profile.latent_size
            return f"ToMe finds no attention with 2x2 tokens to merge in a {height}x{width} latent"
        return None

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        downsamples = _mergeable_downsamples(context.profile)
        return {
            "ratio": Choices(RATIOS, default=0.5),
            "max_downsample": Choices(downsamples, default=downsamples[0]),
        }

    def off(self, context: Context) -> Params:
        """See `Method.off`."""
        return {"ratio": 0.0}

    def schedule(self, params: Params, context: Context) -> Static:
        """See `Method.schedule`: the share of each token grid that is merged, at every call."""
        mergeable = _mergeable_downsamples(context.profile)
        merged = {}
        for grid in context.profile.attention_grids:
            downsample = _downsample(grid, context.profile)
            tokens = _merged_tokens(grid, float(params["ratio"]))
            if downsample > params["max_downsample"] or tokens == 0:
                continue
            if downsample not in mergeable:
                raise RefusedError(
                    f"ToMe cannot merge the attention on {grid[0]}x{grid[1]} tokens here; "
                    f"use a max_downsample of {mergeable[-1]} or less"
                )
            height, width = grid
            merged[f"tokens_{height}x{width}"] = (tokens / (height * width),) * context.calls
        return Static(merged)


def _downsample(grid: tuple[int, int], profile: Profile) -> int:
    """By how much tomesd takes a token grid to be coarser than the latent."""
    height, width = profile.latent_size
    return ceil(sqrt(height * width // (grid[0] * grid[1])))


def _mergeable_downsamples(profile: Profile) -> tuple[int, ...]:
    """The values of max_downsample that differ, ascending.

    tomesd needs a whole 2x2 cell and rebuilds the grid from its downsampling; at the first
    grid where either fails, that value and all coarser ones are out.
    """
    height, width = profile.latent_size
    downsamples = []
    for grid in profile.attention_grids:
        downsample = _downsample(grid, profile)
        rebuilt = (ceil(height / downsample), ceil(width / downsample))
        if rebuilt != grid or min(grid) < STRIDE:
            break
        downsamples.append(downsample)
    return tuple(downsamples)


def _merged_tokens(grid: tuple[int, int], ratio: float) -> int:
    """Count the tokens merged on a grid: `ratio` of them, but never the kept one of a cell."""
    height, width = grid
    tokens = height * width
    kept = (height // STRIDE) * (width // STRIDE)
    return min(int(tokens * ratio), tokens - kept)
