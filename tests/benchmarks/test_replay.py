"""A replayed search learns from what the table answers, as a study does."""

from __future__ import annotations

import pytest

from benchmarks.search.replay import GivingUp, Replay
from benchmarks.shared.grid_table import TABLES


@pytest.mark.parametrize("giving_up", [None, "screened"])
def test_a_replayed_search_finds_the_bound_soon(giving_up: GivingUp | None) -> None:
    replay = Replay(TABLES / "tiny-shapes--DDIM--50--deepcache+tgate.npz", loss_budget=0.02)
    reached = [
        replay.search("auto", seed, giving_up=giving_up).reached["bound"] for seed in range(2)
    ]
    # One that learns nothing does not find it at all.
    assert all(each is not None and each[0] <= 10 for each in reached)
