"""MagCache: reuse all blocks where these hardly change (arXiv 2506.09045), by diffusers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from accel_space.caches import halve_states, with_new_states, with_text_outputs
from accel_space.denoiser import why_nothing_to_reuse
from accel_space.method import Choices, Context, Method, Params, Space
from accel_space.schedule import Static

THRESHOLDS = (0.03, 0.06, 0.09, 0.12, 0.18, 0.24, 0.36)
"""On both sides of 0.06, which is diffusers' own."""

MOST_SKIPPED = range(1, 6)

RETENTIONS = (0.1, 0.2, 0.3)


def apply_mag_cache(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    steps: int,
    threshold: float,
    max_skip_steps: int,
    retention_ratio: float,
) -> Callable[..., Any]:
    """Leave all blocks out where the ratios known of the model promise little error."""
    from diffusers.hooks import mag_cache

    module = getattr(pipe, denoiser)
    config = mag_cache.MagCacheConfig(
        threshold=threshold,
        max_skip_steps=max_skip_steps,
        retention_ratio=retention_ratio,
        num_inference_steps=steps,
        mag_ratios=mag_cache.FLUX_MAG_RATIOS,
    )
    with_text_outputs(module)
    mag_cache.apply_mag_cache(module, config)
    return with_new_states(module, generate)


class MagCache(Method):
    """Add what all blocks added at the last computed call, where that hardly changes.

    How it changes from step to step is known of a model beforehand, as ratios of magnitudes. The
    errors that these promise add up from the last computed call to `threshold` at most, over
    `max_skip_steps` calls at most, and the first `retention_ratio` of the steps compute.
    """

    name = "mag_cache"
    title = "MagCache"
    words = ("MagCache", "mag cache", "magnitude cache", "幅值缓存")
    accelerate = staticmethod(apply_mag_cache)
    halve = staticmethod(halve_states)
    holds: ClassVar[Mapping[str, str]] = {
        "num_inference_steps": "MagCache's ratios are laid out over these steps"
    }
    conflicts: ClassVar[Mapping[str, str]] = {
        "fewer_steps": "MagCache's ratios are laid out over the combination's steps",
        "first_block_cache": "both decide which blocks are computed",
        "pab": "PAB counts an attention's calls, and MagCache leaves some of them out",
        "taylorseer": "both decide which blocks are computed",
        "tgate": "T-GATE keeps the attention of certain steps, and MagCache may not compute them",
    }

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if context.profile.pipeline_class != "FluxPipeline":
            return (
                "MagCache needs ratios that were measured of a model, and diffusers has those of "
                f"FLUX.1 alone, not of a {context.profile.pipeline_class}"
            )
        return why_nothing_to_reuse(self.title, context)

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        return {
            "threshold": Choices(THRESHOLDS, default=0.06),
            "max_skip_steps": Choices(tuple(MOST_SKIPPED), default=3),
            "retention_ratio": Choices(RETENTIONS, default=0.2),
        }

    def off(self, context: Context) -> Params:
        """See `Method.off`."""
        return {"max_skip_steps": 0}

    def schedule(self, params: Params, context: Context) -> Static:
        """See `Method.schedule`: of the `blocks` all."""
        from diffusers.hooks.mag_cache import FLUX_MAG_RATIOS, nearest_interp

        threshold, most = float(params["threshold"]), int(params["max_skip_steps"])
        computed_first = int(float(params["retention_ratio"]) * context.calls + 0.5)
        shares = []
        # As diffusers has it: with each call left out the ratios multiply, and their distances
        # from 1 add up.
        product, error, behind = 1.0, 0.0, 0
        for call, ratio in enumerate(nearest_interp(FLUX_MAG_RATIOS, context.calls)):
            is_left_out = False
            if call >= computed_first:
                product, behind = product * ratio, behind + 1
                error = error + abs(1.0 - product)
                is_left_out = call > 0 and error <= threshold and behind <= most
                if not is_left_out:
                    product, error, behind = 1.0, 0.0, 0
            shares.append(float(is_left_out))
        return Static({"blocks": tuple(shares)})
