"""A rule without a model: sort by work, and walk towards the edge of the budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from accel_space.stack import Stack
from benchmarks.search.rivals.rival import Rival, Told
from benchmarks.shared.schedule_features import describe, work_shares
from storage.records.budgets import Budgets
from storage.records.trial import Point

FAR = 0.5
"""How much work a step across the whole range of one parameter is worth."""


class Greedy(Rival):
    """Halves the way between the fastest point inside and the edge.

    The edge is the least saved work among the points that turned out to be over the budget and save
    more than the best one inside; without such a point, it is the most that can be saved. While
    nothing is inside, it goes from the least loss towards saving nothing. Among points near the
    middle it prefers one near its start and not near a failure.
    """

    def __init__(self, stack: Stack, budgets: Budgets, first: Sequence[Point]) -> None:
        """See `Rival`."""
        super().__init__(stack, budgets, first)
        work = np.sum(work_shares(describe(stack).skips), axis=0)
        self._work = work / (work.max() or 1.0)

    def choose(self, told: Sequence[Told], free: Sequence[int]) -> int:
        """See `Rival.choose`."""
        inside = [each for each in told if each.loss <= self.budget]
        beyond = [each.place for each in told if each.loss > self.budget]
        if inside:
            best = max(inside, key=lambda each: each.speedup).place
            edges = [self._work[place] for place in beyond if self._work[place] > self._work[best]]
            edge = min(edges, default=1.0)
        else:
            best, edge = min(told, key=lambda each: each.loss).place, 0.0
        away = np.abs(self._work - (self._work[best] + edge) / 2)
        distance = self.distances(best)
        for place in beyond:
            distance += np.maximum(
                0, 1 - self.distances(place) / (self.distances(best)[place] or 1)
            )
        return min(free, key=lambda place: float(away[place] + FAR * distance[place]))
