"""Simulated annealing that ends as hill climbing, as BudCache searches (arXiv 2606.13496).

BudCache chooses which steps to cache, among choices of equal cost. Here the cost is unknown, so the
energy weighs it against the loss beyond the budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

import numpy as np

from accel_space.stack import Stack
from benchmarks.search.rivals.rival import Rival, Told
from storage.records.budgets import Budgets
from storage.records.trial import Point

FIRST_TEMPERATURE, COOLING, LAST_TEMPERATURE = 0.3, 0.85, 0.03
"""In speedup; cooled at every point. After 15 points the last one is reached, and the climb begins
from the best point."""

PENALTY = 1.0
"""In speedup, for a loss of twice the budget; a greater one costs proportionally more."""

NEIGHBOURS = 8
"""A move goes to one of this many nearest free points."""


class Annealing(Rival):
    """Moves to a neighbour, and stays if it is better, or by a falling chance if it is worse."""

    def __init__(self, stack: Stack, budgets: Budgets, first: Sequence[Point], seed: int) -> None:
        """See `Rival`; the seed determines moves and chances."""
        super().__init__(stack, budgets, first)
        self._random = np.random.default_rng(seed)
        self._at: Told | None = None
        self._temperature = FIRST_TEMPERATURE

    def choose(self, told: Sequence[Told], free: Sequence[int]) -> int:
        """See `Rival.choose`."""
        if self._at is None or self._temperature < LAST_TEMPERATURE:
            self._at = min(told, key=self._energy)
        elif self._accepts(told[-1], self._at):
            self._at = told[-1]
        self._temperature *= COOLING
        distance = self.distances(self._at.place) + 1e-6 * self._random.random(len(self.points))
        near = sorted(free, key=lambda place: float(distance[place]))[:NEIGHBOURS]
        return int(self._random.choice(near))

    def _accepts(self, moved: Told, before: Told) -> bool:
        rise = self._energy(moved) - self._energy(before)
        return rise <= 0 or bool(self._random.random() < exp(-rise / self._temperature))

    def _energy(self, told: Told) -> float:
        """Less is better."""
        return PENALTY * max(0.0, told.loss / self.budget - 1) - told.speedup
