"""MagCache: reuse all blocks where they hardly change (arXiv 2506.09045), by diffusers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from math import inf
from operator import mul
from statistics import fmean
from struct import pack, unpack
from typing import Any, ClassVar

from accel_space.caches import halve_states, with_new_states, with_text_outputs
from accel_space.calibration.thresholds import spread_thresholds
from accel_space.denoiser import why_nothing_to_reuse
from accel_space.method import Choices, Context, Learned, Method, Params, Space
from accel_space.schedule import Static

THRESHOLDS = (0.03, 0.06, 0.09, 0.12, 0.18, 0.24, 0.36)
"""Common values, for a model from which nothing was learned."""

DEFAULT_THRESHOLD = 0.06
"""diffusers' default."""

MOST_SKIPPED = range(1, 6)

RETENTIONS = (0.1, 0.2, 0.3)

DIGITS = 5
"""Decimals of a ratio, as in diffusers' own ratios."""


def apply_mag_cache(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    mag_ratios: tuple[float, ...],
    threshold: float,
    max_skip_steps: int,
    retention_ratio: float,
) -> Callable[..., Any]:
    """Skip all blocks where the model's known ratios promise little error."""
    from diffusers.hooks import mag_cache

    module = getattr(pipe, denoiser)
    config = mag_cache.MagCacheConfig(
        threshold=threshold,
        max_skip_steps=max_skip_steps,
        retention_ratio=retention_ratio,
        num_inference_steps=len(mag_ratios),
        mag_ratios=list(mag_ratios),
    )
    with_text_outputs(module)
    mag_cache.apply_mag_cache(module, config)
    return with_new_states(module, generate)


def learn_ratios(denoiser: Any, draw: Callable[[], object]) -> Learned:
    """Measure by how much the output of all blocks grows from call to call, over one batch.

    If prompts and empty prompts have separate calls, both get the same ratios.
    """
    from diffusers.hooks import mag_cache

    with_text_outputs(denoiser)
    # After so many calls it would print the ratios and forget them.
    config = mag_cache.MagCacheConfig(calibrate=True, num_inference_steps=10**9)
    mag_cache.apply_mag_cache(denoiser, config)
    hook = denoiser.transformer_blocks[0]._diffusers_hook.get_hook("mag_cache_leader_block_hook")
    states, measured = hook.state_manager, {}

    def keep(*_: Any) -> None:
        # Some pipelines let the hooks forget all at the end of a picture.
        measured[states.context.name] = states.get_state().calibration_ratios

    denoiser.register_forward_hook(keep)
    with_new_states(denoiser, draw)()
    calls = zip(*measured.values(), strict=True)
    return tuple(round(fmean(ratios), DIGITS) for ratios in calls)


class MagCache(Method):
    """Add what all blocks added at the last computed call, where it hardly changes.

    Its changes from call to call are measured once, as ratios of magnitudes. The errors that
    these promise may add up to `threshold` since the last computed call, over `max_skip_steps`
    calls at most. The first `retention_ratio` of the calls always compute.
    """

    name = "mag_cache"
    title = "MagCache"
    words = ("MagCache", "mag cache", "magnitude cache", "幅值缓存")
    accelerate = staticmethod(apply_mag_cache)
    halve = staticmethod(halve_states)
    learns = "mag_ratios"
    learn = staticmethod(learn_ratios)
    holds: ClassVar[Mapping[str, str]] = {
        "num_inference_steps": "MagCache's ratios were measured over these steps"
    }
    conflicts: ClassVar[Mapping[str, str]] = {
        "fewer_steps": "MagCache's ratios are those of the combination's steps",
        "first_block_cache": "both decide which blocks are computed",
        "pab": "PAB counts an attention's calls, and MagCache leaves some of them out",
        "taylorseer": "both decide which blocks are computed",
        "tgate": "T-GATE keeps the attention of certain steps, and MagCache may not compute them",
    }

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if context.family.lists:
            return (
                "diffusers' MagCache asks a block for its hidden_states, and those of "
                f"{context.profile.pipeline_class} are called otherwise"
            )
        if "transformer_blocks" not in context.family.blocks:
            return (
                "MagCache needs transformer blocks one behind the other, and the denoiser of "
                f"{context.profile.pipeline_class} has other ones"
            )
        return why_nothing_to_reuse(self.title, context)

    def assumed(self, calls: int) -> Learned:
        """See `Method.assumed`: diffusers' ratios of FLUX.1, spread over the calls.

        Studies of earlier releases knew only these, and no other pipeline.
        """
        from diffusers.hooks.mag_cache import FLUX_MAG_RATIOS, nearest_interp

        ratios: list[float] = nearest_interp(FLUX_MAG_RATIOS, calls).tolist()
        return tuple(round(ratio, DIGITS) for ratio in ratios)

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        values = _thresholds(context.learned.get(self.name, ())) or THRESHOLDS
        default = min(values, key=lambda value: abs(value - DEFAULT_THRESHOLD))
        return {
            "threshold": Choices(values, default=default, are_learned=True),
            "max_skip_steps": Choices(tuple(MOST_SKIPPED), default=3),
            "retention_ratio": Choices(RETENTIONS, default=0.2),
        }

    def off(self, context: Context) -> Params:
        """See `Method.off`."""
        return {"max_skip_steps": 0}

    def schedule(self, params: Params, context: Context) -> Static:
        """See `Method.schedule`: all of the `blocks`."""
        ratios = context.learned.get(self.name) or self.assumed(context.calls)
        left_out = _left_out(
            ratios,
            float(params["threshold"]),
            int(params["max_skip_steps"]),
            float(params["retention_ratio"]),
        )
        # Another number of steps, which a call refuses, has no ratio for each call.
        return Static({"blocks": tuple(map(float, left_out[: context.calls]))})


def _thresholds(ratios: Sequence[float]) -> tuple[float, ...]:
    """Find thresholds from the first hit up to where all calls hit that may; empty if none may."""
    return spread_thresholds(
        _errors(ratios),
        lambda threshold: sum(_left_out(ratios, threshold, MOST_SKIPPED[-1], RETENTIONS[0])),
        len(THRESHOLDS),
    )


def _left_out(ratios: Sequence[float], threshold: float, most: int, retention: float) -> list[bool]:
    """Say which calls are skipped, exactly as diffusers decides, rounding included.

    With each skipped call the ratios multiply, and the products' distances from 1 add up.
    """
    computed_first = int(retention * len(ratios) + 0.5)
    product, error, behind = 1.0, 0.0, 0
    calls = []
    for call, ratio in enumerate(ratios):
        is_left_out = False
        if call >= computed_first:
            product, behind = _single(product * _single(ratio)), behind + 1
            error = _single(error + abs(_single(1.0 - product)))
            is_left_out = call > 0 and error <= _single(threshold) and behind <= most
            if not is_left_out:
                product, error, behind = 1.0, 0.0, 0
        calls.append(is_left_out)
    return calls


def _single(value: float) -> float:
    """Round to single precision, in which diffusers computes."""
    try:
        rounded: float = unpack("f", pack("f", value))[0]
    except OverflowError:
        return inf
    return rounded


def _errors(ratios: Sequence[float]) -> list[float]:
    """List the errors of all runs of calls that may be skipped together."""
    found: list[float] = []
    for first in range(1, len(ratios)):
        products = accumulate(ratios[first : first + MOST_SKIPPED[-1]], mul)
        found += accumulate(abs(1 - product) for product in products)
    return found
