"""Screening drops no point of the true front, however lucky its rivals were."""

from __future__ import annotations

import pytest

from benchmarks.search.replay import Replay
from benchmarks.search.screening import dropped
from benchmarks.shared.grid_table import TABLES
from studies.run.stopping import DOUBT


@pytest.fixture(scope="module")
def truths() -> list[Replay]:
    replay = Replay(TABLES / "tiny-shapes--DPM-Solver++--20--deepcache+tgate.npz", 0.02)
    return [replay.redrawn(seed) for seed in range(4)]


def test_the_true_front_stays_though_all_rivals_are_known(truths: list[Replay]) -> None:
    counts = [dropped(truth, DOUBT) for truth in truths]
    drops, points = (sum(each["front"][i] for each in counts) for i in (0, 1))
    assert points >= 20
    assert drops <= 0.05 * points
    others, of_others = (sum(each["others"][i] for each in counts) for i in (0, 1))
    # It still gives up what it is there for.
    assert others > 0.25 * of_others


def test_rivals_taken_at_their_word_cost_a_part_of_the_true_front(truths: list[Replay]) -> None:
    counts = [dropped(truth, 0.0)["front"] for truth in truths]
    assert sum(drops for drops, _ in counts) > 0.2 * sum(points for _, points in counts)
