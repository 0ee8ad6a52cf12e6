"""Where hardly a point keeps the budget, a search still finds one."""

from __future__ import annotations

import numpy as np

from benchmarks.search.replay import Replay
from benchmarks.search.tight_budgets import TABLE, bound_found, multiplied, search


def test_a_search_finds_the_few_points_that_keep_a_tight_budget() -> None:
    replay = Replay(TABLE, loss_budget=0.005)
    truths = [(seed, replay.redrawn(seed)) for seed in range(14)]
    found = np.array([search(truth, seed)["bounds"] for seed, truth in truths if truth.volume])
    assert len(found) == 7, "in the other truths no point is inside"
    after_8, _, after_24 = found.T
    # A search that goes for expected gains alone has nothing in the median after 8 points.
    assert np.median(after_8) > 0.85
    assert np.median(after_24) > 0.95


def test_doubled_losses_are_twice_those_recorded() -> None:
    replay = Replay(TABLE, loss_budget=0.02)
    doubled = multiplied(replay, 2.0).redrawn(1)
    once = [point.loss for point in replay.redrawn(1).truth]
    np.testing.assert_allclose([p.loss for p in doubled.truth], np.multiply(2, once), rtol=1e-4)
    assert bound_found(doubled, []) == 0
    assert bound_found(doubled, list(range(len(once)))) == 1
