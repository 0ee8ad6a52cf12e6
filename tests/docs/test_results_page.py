"""docs/results.md: its table of caches at an equal loss is what was drawn."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest

from accel_space.methods import METHODS
from benchmarks.embedded.equal_loss_page import CLIP_AND_CONTENT, OURS, cases_of, choice_of
from tests.docs.test_full_size_figures import tables_of

ROOT = Path(__file__).parents[2]
DRAWN = json.loads((ROOT / "benchmarks/results/equal-loss.json").read_text(encoding="utf-8"))
CASES = cases_of(DRAWN["pieces"])
[TABLE] = [table for table in tables_of("docs/results.md") if "best other cache" in table[0]]


def gain_of(case: str, method: str) -> float:
    """How far a method lets the work fall inside 2%; 0 where no point holds."""
    choice = choice_of(method, CASES[case].get(method, ()), 0.02, CLIP_AND_CONTENT)
    return 1 / choice.work if choice is not None and choice.holds else 0.0


def test_the_table_has_every_pipeline() -> None:
    assert {name for name, *_ in TABLE[1:]} == {*CASES}


@pytest.mark.parametrize("row", TABLE[1:], ids=lambda row: str(row[0]))
def test_a_row_is_what_was_drawn(row: list[str]) -> None:
    case, ours, other, fewer = row
    rivals = [name for name in CASES[case] if name not in (OURS, "fewer_steps")]
    best = max(rivals, key=lambda name: gain_of(case, name), default="")
    assert ours == f"{gain_of(case, OURS):.2f}x"
    assert other == (f"{gain_of(case, best):.2f}x {METHODS[best].title}" if best else "-")
    drawn = "fewer_steps" in CASES[case]
    assert fewer == (f"{gain_of(case, 'fewer_steps'):.2f}x" if drawn else "-")


def test_the_page_says_how_much_is_drawn() -> None:
    page = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    assert f"{len(DRAWN['pieces'])} of {DRAWN['wanted']} pieces are drawn" in page


def test_the_page_says_what_an_order_costs() -> None:
    page = " ".join((ROOT / "docs/results.md").read_text(encoding="utf-8").split())
    even = {"interval": 3.0, "power": 1.0, "centre": 0.0, "kept_layers": 1}
    lost = {
        order: point["judging"]["clip_loss"][0]
        for point in CASES["tiny-shapes-v, DPM-Solver++, 25 steps"][OURS]
        for order in range(3)
        if point["params"]
        == {f"{OURS}.{name}": value for name, value in (even | {"order": order}).items()}
    }
    words = f"order 1 cost tiny-shapes-v {lost[1]:.1%} on the prompts that judged, and order 0"
    assert f"{words} {lost[0]:.1%}." in page


def test_the_page_says_how_often_repeating_loses_less() -> None:
    page = " ".join((ROOT / "docs/results.md").read_text(encoding="utf-8").split())
    pairs = [
        (repeating["judging"]["clip_loss"][0], other["judging"]["clip_loss"][0])
        for methods in CASES.values()
        for repeating, other in permutations(methods.get(OURS, ()), 2)
        if repeating["params"] == other["params"] | {f"{OURS}.order": 0}
    ]
    less = sum(repeated < predicted for repeated, predicted in pairs)
    assert f"order 0 lost less in {less} of {len(pairs)} pairs" in page
