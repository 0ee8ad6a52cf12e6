"""Which points of a method are drawn: all of a small space, or some for every amount of work."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import product
from statistics import fmean

from accel_space.method import Context, Params
from accel_space.stack import Stack

SEED = 22

Grid = Callable[[Context], dict[str, Sequence[float]]]

WIDER: dict[str, Grid] = {
    # Up to the intervals of the step cache.
    "deepcache": lambda _: {"cache_interval": range(2, 9), "cache_branch_id": range(4)},
    # Any value, to compare the others against it.
    "fewer_steps": lambda context: {
        "num_inference_steps": range(4, context.steps, -(-context.steps // 32))
    },
    # No model tells beforehand where hits begin and end.
    "first_block_cache": lambda _: {"threshold": [0.005 * 1.25**step for step in range(26)]},
}
"""Rivals whose own space is coarse, or may miss the range that matters here."""


def points_of(stack: Stack, most: int) -> list[Params]:
    """Distinct points of a stack of one method, the same each time; its defaults among them.

    Args:
        stack: The stack.
        most: How many.
    """
    (method,) = stack.methods
    if method.name in WIDER:
        grid = WIDER[method.name](stack.context)
        points: list[Params] = [
            {f"{method.name}.{name}": value for name, value in zip(grid, values, strict=True)}
            for values in product(*grid.values())
        ]
    else:
        points = list(stack.points)
    if len(points) <= most:
        return points
    ranked = sorted((point for point in points if point != stack.default), key=_saved_by(stack))
    layers = [
        ranked[at * len(ranked) // (most - 1) : (at + 1) * len(ranked) // (most - 1)]
        for at in range(most - 1)
    ]
    chance = random.Random(SEED)
    return [dict(stack.default), *(chance.choice(layer) for layer in layers)]


def _saved_by(stack: Stack) -> Callable[[Params], float]:
    """The work that a point's schedule leaves out; a threshold tells nothing."""

    def saved(point: Params) -> float:
        skips = stack.schedule(point).skips
        return sum(fmean(shares) for shares in skips.values())

    return saved
