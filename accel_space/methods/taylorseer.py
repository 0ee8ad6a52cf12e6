"""TaylorSeer: predict the blocks' output from its last changes (arXiv 2503.06923), by diffusers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any, ClassVar

from accel_space.caches import halve_states, with_new_states, with_text_outputs
from accel_space.denoiser import why_nothing_to_reuse
from accel_space.method import Choices, Context, Method, Params, Space
from accel_space.schedule import Static

INTERVALS = range(2, 7)
FIRST_CALLS = (1, 2, 3, 5)
"""Numbers of first calls that always compute; diffusers' default is 3."""

ORDERS = range(3)


def apply_taylorseer(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    blocks: tuple[str, ...],
    cache_interval: int,
    disable_cache_before_step: int,
    max_order: int,
) -> Callable[..., Any]:
    """Compute the blocks every `cache_interval` calls, and predict them in between."""
    from diffusers.hooks.taylorseer_cache import TaylorSeerCacheConfig, apply_taylorseer_cache
    from torch.nn import ModuleList

    module = getattr(pipe, denoiser)
    names = []
    for name in blocks:
        held = getattr(module, name)
        several = isinstance(held, ModuleList)
        names += [f"{name}.{at}" for at in range(len(held))] if several else [name]
    *others, last = names
    config = TaylorSeerCacheConfig(
        cache_interval=cache_interval,
        disable_cache_before_step=disable_cache_before_step,
        max_order=max_order,
        # The default, bfloat16, would round the results of a finer pipe.
        taylor_factors_dtype=module.dtype,
        # Only the last block's output reaches the picture; the others keep nothing.
        cache_identifiers=[last],
        skip_predict_identifiers=others,
    )
    with_text_outputs(module)
    apply_taylorseer_cache(module, config)
    return with_new_states(module, generate)


class TaylorSeer(Method):
    """Compute a UNet's middle and way up, or a transformer's blocks, every `cache_interval` calls.

    In between a Taylor series of `max_order` predicts the last block's output; order 0 repeats it.
    The first `disable_cache_before_step` calls always compute.
    """

    name = "taylorseer"
    title = "TaylorSeer"
    words = ("TaylorSeer", "taylor seer", "taylorseer cache")
    accelerate = staticmethod(apply_taylorseer)
    halve = staticmethod(halve_states)
    conflicts: ClassVar[Mapping[str, str]] = {
        "deepcache": "TaylorSeer counts a block's calls, and DeepCache leaves some of them out",
        "pab": "PAB counts an attention's calls, and TaylorSeer leaves some of them out",
        "tgate": "T-GATE keeps the attention of certain steps, and TaylorSeer may not compute them",
    }

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        return why_nothing_to_reuse(self.title, context)

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        firsts = tuple(first for first in FIRST_CALLS if first < context.calls)
        return {
            "cache_interval": Choices(tuple(INTERVALS), default=5, least=1),
            "disable_cache_before_step": Choices(firsts, default=min(3, firsts[-1]), least=1),
            "max_order": Choices(tuple(ORDERS), default=1),
        }

    def off(self, context: Context) -> Params:
        """See `Method.off`."""
        return {"cache_interval": 1}

    def schedule(self, params: Params, context: Context) -> Static:
        """See `Method.schedule`: all of the `blocks`, and the mean order of the predictions."""
        interval, first, most = (
            int(params[name])
            for name in ("cache_interval", "disable_cache_before_step", "max_order")
        )
        calls = range(context.calls)
        # diffusers counts the interval from the call after the first one that may predict.
        computed = [call < first or (call - first - 1) % interval == 0 for call in calls]
        # A prediction of some order needs one computed call more than its order.
        orders = [min(most, sum(computed[:call]) - 1) for call in calls if not computed[call]]
        blocks = tuple(float(not each) for each in computed)
        return Static({"blocks": blocks}, {"order": fmean(orders) if orders else 0.0})
