"""Step cache: chosen denoiser calls run in full; the others predict the deep layers' output.

Our own method. The mask of full calls is searched as in BudCache (arXiv 2606.13496). DeepCache's
even intervals (arXiv 2312.00858) are points of it. Calls between full ones extrapolate as
TaylorSeer does (arXiv 2503.06923), for full calls at any distance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, compress
from math import ceil
from statistics import fmean
from types import SimpleNamespace
from typing import Any, ClassVar

from accel_space.denoiser import conditional_half, why_nothing_to_reuse
from accel_space.errors import RefusedError
from accel_space.layers import (
    skip_blocks,
    skip_denoiser,
    skip_way_down,
    skip_way_up,
    unet_skipper,
)
from accel_space.method import Choices, Context, Method, Params, Space
from accel_space.profile import Profile
from accel_space.schedule import Static

INTERVALS = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
POWERS = (1.0, 1.5, 2.0, 3.0)
CENTRES = (0.0, 0.5, 1.0)
ORDERS = range(3)
MOST_KEPT = 3
NOTHING_KEPT = -1
"""The `kept_layers` at which a call runs nothing at all and predicts its output."""


def full_calls(calls: int, interval: float, power: float, centre: float) -> list[int]:
    """List the calls that run in full, ascending; call 0 is always one of them.

    Args:
        calls: Number of calls in one generation.
        interval: One call in so many runs in full; 1 or more.
        power: How much denser full calls are near the centre; 1 is even.
        centre: Where they are densest, from 0, the first call, to 1, the last.
    """
    count = ceil(calls / interval - 1e-9)
    places: list[int] = []
    for number in range(count):
        share = number * interval / calls
        reach = 1 - centre if share >= centre else centre
        bent = reach * (abs(share - centre) / reach) ** power if reach else 0.0
        at = ceil(calls * (centre + (bent if share >= centre else -bent)) - 1e-9)
        # Each takes a place of its own, and leaves one for each full call to come.
        first = places[-1] + 1 if places else 0
        places.append(min(max(at, first), calls - (count - number)))
    return places


def weights_at(call: int, known: Sequence[int]) -> list[float]:
    """Weigh the known values so that their sum is their polynomial at another call.

    This is Lagrange's formula; the weights add up to 1.
    """
    found = []
    for one in known:
        weight = 1.0
        for other in known:
            if other != one:
                weight *= (call - other) / (one - other)
        found.append(weight)
    return found


def apply_step_cache(
    pipe: Any,
    generate: Callable[..., Any],
    *,
    denoiser: str,
    blocks: tuple[str, ...],
    interval: float,
    power: float,
    centre: float,
    order: int,
    kept_layers: int,
) -> Callable[..., Any]:
    """Run the chosen calls in full, and predict the deep layers at the others."""
    module = getattr(pipe, denoiser)
    state = SimpleNamespace(call=0, places=[], full=True, known=[], before=None)
    module.step_cache = state

    def begin(*_: Any) -> None:
        if state.call == 0:
            calls = len(pipe.scheduler.timesteps)
            state.places = full_calls(calls, interval, power, centre)
        state.full = state.call in state.places

    def end(*_: Any) -> None:
        state.call += 1

    def keep(value: Any) -> None:
        state.known = [*state.known, (state.call, value)][-(order + 1) :]

    def predicted() -> Any:
        weights = weights_at(state.call, [call for call, _ in state.known])
        values = [value for _, value in state.known]
        parts = [each * value for each, value in zip(weights, values, strict=True)]
        return sum(parts[1:], parts[0])

    module.register_forward_pre_hook(begin)
    module.register_forward_hook(end)
    if kept_layers < 0:
        skip_denoiser(module, state, keep, predicted)
    elif hasattr(module, "down_blocks"):
        skip = unet_skipper(state, keep, predicted)
        skip_way_down(module, kept_layers, skip)
        skip_way_up(module, kept_layers, skip)
    else:
        row = [block for name in blocks for block in getattr(module, name)]
        skip_blocks(row, kept_layers, state, keep, predicted)

    def generate_anew(*args: Any, **kwargs: Any) -> Any:
        state.call, state.known, state.before = 0, [], None
        return generate(*args, **kwargs)

    return generate_anew


def halve_known(pipe: Any, denoiser: Any, batch: int) -> None:
    """Halve what is kept of a guided batch, for an unguided one."""
    denoiser.step_cache.known = conditional_half(denoiser.step_cache.known, batch)


class StepCache(Method):
    """Run one call in `interval` in full, and let the others predict the deep layers' output.

    Full calls are spread evenly if `power` is 1, otherwise denser around `centre` (0 is the first
    call, 1 the last). `order` is that of the polynomial through the last full calls. `kept_layers`
    is what every call computes: blocks of a transformer, or layers of a UNet's way down. At -1 the
    other calls compute nothing at all and predict the denoiser's output.
    """

    name = "step_cache"
    title = "step cache"
    words = ("step cache", "StepCache", "step caching", "步缓存")
    accelerate = staticmethod(apply_step_cache)
    halve = staticmethod(halve_known)
    conflicts: ClassVar[Mapping[str, str]] = {
        "deepcache": "both decide which layers are computed",
        "taylorseer": "both decide which blocks are computed",
        "first_block_cache": "both decide which blocks are computed",
        "mag_cache": "both decide which blocks are computed",
        "pab": "PAB counts an attention's calls, and the step cache leaves some of them out",
        "tgate": "T-GATE keeps the attention of certain steps, and the step cache may not compute "
        "them",
    }

    def why_not(self, context: Context) -> str | None:
        """See `Method.why_not`."""
        if _most_kept(context.profile) < 0:
            return (
                "the step cache needs a UNet's two ways or a row of transformer blocks, and the "
                f"denoiser of {context.profile.pipeline_class} has neither"
            )
        if context.family.second_call:
            return (
                "the step cache keeps one prediction a step, and this denoiser is called for the "
                "prompts and for the empty ones in turn"
            )
        return why_nothing_to_reuse("the step cache", context)

    def space(self, context: Context) -> Space:
        """See `Method.space`."""
        kept = range(NOTHING_KEPT, min(MOST_KEPT, _most_kept(context.profile)) + 1)
        return {
            "interval": Choices(INTERVALS, default=3.0, least=1),
            "power": Choices(POWERS, default=1.0, least=1),
            "centre": Choices(CENTRES, default=0.0),
            "order": Choices(tuple(ORDERS), default=0),
            "kept_layers": Choices(tuple(kept), default=min(1, kept[-1]), least=NOTHING_KEPT),
        }

    def off(self, context: Context) -> Params:
        """See `Method.off`."""
        return {"interval": 1.0}

    def schedule(self, params: Params, context: Context) -> Static:
        """See `Method.schedule`: a UNet's `depth` or `blocks`, `calls`, and the mean order."""
        kept, most = int(params["kept_layers"]), _most_kept(context.profile)
        if kept > most:
            raise RefusedError(f"kept_layers must be at most {most} here, not {kept}")
        if params["centre"] > 1:
            raise RefusedError(
                f"centre is from 0, the first call, to 1, the last, not {params['centre']:g}"
            )
        reused, known = _reused(
            context.calls, *(float(params[name]) for name in ("interval", "power", "centre"))
        )
        skips = {
            kind: tuple(share * each for each in reused)
            for kind, share in _shares_skipped(kept, context.profile).items()
        }
        # An order needs one full call more than that.
        orders = [min(int(params["order"]), count - 1) for count in known]
        return Static(skips, {"order": fmean(orders) if orders else 0.0})


@lru_cache(maxsize=1024)
def _reused(
    calls: int, interval: float, power: float, centre: float
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return 1 for each reusing call and 0 for each full one, and the full calls before each reuse.

    Cached, because a grid asks for the same calls with every order and number of layers.
    """
    full = set(full_calls(calls, interval, power, centre))
    reused = tuple(int(call not in full) for call in range(calls))
    known = accumulate(1 - each for each in reused)
    return reused, tuple(compress(known, reused))


def _most_kept(profile: Profile) -> int:
    """Count the most layers that can be kept while some are left to skip; below 0 if none can."""
    if resnets := profile.down_resnets:
        # The mid block is left to skip, or the deepest layer if there is no mid block.
        return sum(resnets) + len(resnets) - 1 - (not profile.has_mid_block)
    return profile.depth - 1


def _shares_skipped(kept: int, profile: Profile) -> dict[str, float]:
    """The share of each kind of work that a reusing call skips; a UNet counts as in `deepcache`.

    Work outside the layers is skipped only at `NOTHING_KEPT`.
    """
    if resnets := profile.down_resnets:
        # The way in, before the way down, counts as one layer, and so does the mid block.
        shares = {"depth": 1 - (kept + 1) / (sum(resnets) + len(resnets) + 1)}
    else:
        shares = {"blocks": 1 - max(kept, 0) / profile.depth}
    return shares | {"calls": float(kept == NOTHING_KEPT)}
