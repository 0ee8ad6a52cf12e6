"""Populations of paired scores whose loss is known, to draw samples from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.shared.grid_table import TABLES, Array, load_table

POINTS = 8
"""Points of a grid."""

LOSSES = (0.0, 0.06)
"""Only points that lose about as much as a budget allows: their interval decides."""

NEIGHBOURS = 15
"""Points whose scores are mixed: those of a grid whose pictures scored most alike."""

TAIL, SHAPE, MOST = 0.1, 0.3, 0.8
"""The share of prompts in the heavier tail, the shape of the generalised Pareto distribution that
it follows there (its fourth moment is infinite), and the most that a prompt can lose."""


class Population(NamedTuple):
    """Scores whose loss is known.

    Attributes:
        grid: Where they come from.
        base: The baseline's.
        fast: The accelerated ones of the same prompts.
    """

    grid: str
    base: Array
    fast: Array

    @property
    def loss(self) -> float:
        """The truth."""
        return float(1 - self.fast.mean() / self.base.mean())


def normal(random: np.random.Generator) -> Population:
    """Normal scores of a pipeline that loses 3%."""
    base = random.normal(0.30, 0.04, 100_000)
    return Population("normal", base, base * 0.97 + random.normal(0, 0.01, len(base)))


def recorded(random: np.random.Generator) -> Iterator[tuple[Population, Population, Population]]:
    """Some points of every recorded grid, each mixed with its neighbours, and its similarities.

    In the first, the 64 prompts stand for all there are; the second have 64 times as many values as
    a mix has points, so that a prompt may lose here what it lost at a neighbour. The third use the
    cosines to the baseline's pictures as scores, whose best is 1.
    """
    for path in sorted(TABLES.glob("*.npz")):
        table = load_table(path)
        base, scores = table.baseline_scores.astype(float), table.scores.astype(float)
        loses = (table.clip_loss > LOSSES[0]) & (table.clip_loss < LOSSES[1])
        for row in random.permutation(np.flatnonzero(loses))[:POINTS]:
            apart = np.abs(scores - scores[row]).mean(axis=1)
            near = scores[np.argsort(apart)[: min(NEIGHBOURS, len(apart) // 4)]]
            yield (
                Population(path.stem, base, scores[row]),
                Population(path.stem, np.tile(base, len(near)), near.ravel()),
                Population(path.stem, np.ones(len(base)), table.similarity[row].astype(float)),
            )


def heavier(population: Population, random: np.random.Generator) -> Population:
    """The same, but with a heavier tail of losses, whose mean is that of the recorded one."""
    base, fast = np.tile(population.base, 64), np.tile(population.fast, 64)
    lost = base - fast
    start = np.quantile(lost, 1 - TAIL)
    in_tail = lost > start
    scale = (lost[in_tail] - start).mean() * (1 - SHAPE)
    beyond = scale / SHAPE * (random.random(int(in_tail.sum())) ** -SHAPE - 1)
    lost[in_tail] = np.minimum(start + beyond, MOST)
    return Population(population.grid, base, base - lost)
