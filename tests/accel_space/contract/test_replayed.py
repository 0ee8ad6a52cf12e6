"""Captures serve the generations that follow; recorded graphs stand in for a GPU's.

test_lossless.py holds the same on a GPU, bit for bit and for every stack.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.accel_space.contract.recorded_graphs import RecordedGraph, record_graphs
from tests.accel_space.contract.stacks import (
    KNOWN_BEFOREHAND,
    Names,
    at_home,
    draw_few,
    families_and_stacks,
    make_stack,
    quick_pipeline,
)
from tests.tiers.covering import taking_turns
from tests.tiny_pipelines import EVERY_FAMILY

# ToMe draws while it merges, from a generator that only a GPU registers with a capture.
ALONE: list[Names] = [names for names in KNOWN_BEFOREHAND if len(names) == 1 and names != ("tome",)]


@pytest.mark.parametrize(
    ("family", "names"),
    taking_turns([*families_and_stacks(EVERY_FAMILY, [()]), *at_home(ALONE)]),
)
def test_the_next_generation_replays_the_captures(
    family: str, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = quick_pipeline(family)
    eager = make_stack(pipe, names)
    with eager.applied(pipe, eager.default) as generate:
        expected = [draw_few(family, generate, batch) for batch in (1, 2)]
    record_graphs(monkeypatch)
    captured, kept = make_stack(pipe, (*names, "cuda_graph")), dict[Any, Any]()

    with captured.applied(pipe, eager.default, captures=kept) as generate:
        for _ in range(2):
            for wanted, batch in zip(expected, (1, 2), strict=True):
                assert torch.equal(draw_few(family, generate, batch), wanted)

    graphs: list[RecordedGraph] = [graph for each in kept.values() for graph, *_ in each.calls]
    assert len(kept) == 2 and {graph.replays for graph in graphs} == {2}
