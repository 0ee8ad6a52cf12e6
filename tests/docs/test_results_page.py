"""docs/results.md: its tables of caches, of a sweep and of two GPUs are what was measured."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from accel_space.methods import METHODS
from accel_space.methods.step_cache import NOTHING_KEPT
from benchmarks.embedded.equal_loss_page import (
    BUDGETS,
    CLIP_AND_CONTENT,
    OURS,
    cases_of,
    choice_of,
)
from benchmarks.measuring.true_front_page import plain_latency
from tests.docs.test_full_size_figures import tables_of

ROOT = Path(__file__).parents[2]
PAGE = " ".join((ROOT / "docs/results.md").read_text(encoding="utf-8").split())


def results(name: str) -> Any:
    """A kept file."""
    return json.loads((ROOT / f"benchmarks/results/{name}.json").read_text(encoding="utf-8"))


DRAWN = results("equal-loss")
CASES = cases_of(DRAWN["pieces"])


def table(title: str) -> list[list[str]]:
    """The rows of the page's one table with such a column."""
    [found] = [rows for rows in tables_of("docs/results.md") if title in rows[0]]
    return found[1:]


TABLE = table("best other cache")


def gain_of(case: str, method: str, budget: float = 0.02) -> float:
    """How far a method lets the work fall inside a budget; 0 where no point holds."""
    choice = choice_of(method, CASES[case].get(method, ()), budget, CLIP_AND_CONTENT)
    return 1 / choice.work if choice is not None and choice.holds else 0.0


def test_the_table_has_every_pipeline() -> None:
    assert {name for name, *_ in TABLE} == {*CASES}
    assert len(DRAWN["pieces"]) == DRAWN["wanted"]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row[0]))
def test_a_row_is_what_was_drawn(row: list[str]) -> None:
    case, ours, other, fewer = row
    rivals = [name for name in CASES[case] if name not in (OURS, "fewer_steps")]
    best = max(rivals, key=lambda name: gain_of(case, name))
    gain = gain_of(case, best)
    assert ours == f"{gain_of(case, OURS):.2f}x"
    assert other == (f"{gain:.2f}x {METHODS[best].title}" if gain else "-")
    assert fewer == f"{gain_of(case, 'fewer_steps'):.2f}x"


def test_the_page_says_what_the_step_cache_chooses() -> None:
    chosen = [
        choice.params
        for methods in CASES.values()
        for budget in BUDGETS
        if (choice := choice_of(OURS, methods[OURS], budget, CLIP_AND_CONTENT)) is not None
    ]
    whole = sum(params[f"{OURS}.kept_layers"] == NOTHING_KEPT for params in chosen)
    repeated = sum(params[f"{OURS}.order"] == 0 for params in chosen)
    assert f"step cache's {len(chosen)} choices, one for each pipeline and budget, {whole} " in PAGE
    assert f"(`kept_layers=-1`), and {repeated} repeat" in PAGE


def test_the_page_says_how_often_repeating_loses_less() -> None:
    pairs = [
        (repeating["judging"]["clip_loss"][0], other["judging"]["clip_loss"][0])
        for methods in CASES.values()
        for repeating, other in permutations(methods.get(OURS, ()), 2)
        if repeating["params"] == other["params"] | {f"{OURS}.order": 0}
    ]
    less = sum(repeated < predicted for repeated, predicted in pairs)
    assert f"order 0 lost less in {less} of {len(pairs)} pairs" in PAGE


@pytest.mark.parametrize(
    ("case", "rival", "budgets"),
    [
        ("tiny-shapes, DDIM, 50 steps", "fewer_steps", (0.01, 0.02, 0.05)),
        ("tiny-shapes-flux, FlowMatchEuler, 28 steps", "fewer_steps", BUDGETS),
        ("tiny-shapes-sd3, FlowMatchEuler, 28 steps", "taylorseer", (0.005, 0.01, 0.02)),
    ],
)
def test_methods_md_says_who_beats_the_step_cache(
    case: str, rival: str, budgets: tuple[float, ...]
) -> None:
    for budget in BUDGETS:
        gains = {method: gain_of(case, method, budget) for method in CASES[case]}
        assert (max(gains, key=lambda name: gains[name]) == rival) == (budget in budgets)


def test_the_answers_of_the_transformers_are_those_of_the_sweep() -> None:
    studies = results("sweep-offline-transformers")["studies"]
    guided, embedded = (
        {
            ",".join(study["methods"]): study["answer"]
            for study in studies
            if study["pipeline"] == pipeline
        }
        for pipeline in ("tiny-shapes-sd3", "tiny-shapes-flux")
    )
    assert table("its loss") == [
        [f"`{methods}`", *answer_cells(answer), *answer_cells(embedded.get(methods))]
        for methods, answer in sorted(guided.items(), key=lambda item: -item[1]["judged_speedup"])
    ]


def answer_cells(answer: dict[str, Any] | None) -> list[str]:
    """The speedup with its interval, and the loss."""
    if answer is None:
        return ["-", "-"]
    low, high = answer["judged_speedup_ci"]
    return [
        f"{answer['judged_speedup']:.2f}x ({low:.2f} to {high:.2f})",
        f"{answer['judged_clip_loss']:z.1%}",
    ]


def test_the_captured_transformers_are_those_of_their_studies() -> None:
    fronts = [
        results(f"true-front-tiny-shapes-{twin}-batch16-flowmatcheuler-28-nvidia-h200")["stacks"]
        for twin in ("sd3", "flux")
    ]
    rows = table("over lossless")
    assert [row[0] for row in rows] == [
        "`compile,cuda_graph`",
        *(f"`{cache},compile,cuda_graph`" for cache in ("step_cache", "mag_cache", "taylorseer")),
    ]
    for name, *cells in rows:
        methods = set(name.strip("`").split(","))
        assert cells == [
            cell
            for stacks in fronts
            for stack, found in stacks.items()
            if set(stack.split("+")) == methods
            for cell in captured_cells(found)
        ]
    plain = [f"{1000 * plain_latency(stacks):.1f}" for stacks in fronts]
    assert f"The plain twins take {' and '.join(plain)} ms" in PAGE


def captured_cells(found: dict[str, Any]) -> list[str]:
    """Of a stack's answer: milliseconds, how far beyond the fastest lossless point, and loss."""
    [answer] = (trial for trial in found["trials"] if trial["trial"] == found["answer"])
    lossless = min(each["latency_s"] for each in found["trials"] if not each["lossy_methods"])
    return [
        f"{1000 * answer['latency_s']:.2f}",
        f"{lossless / answer['latency_s']:.2f}x",
        f"{answer['clip_loss']:z.1%}",
    ]


def test_the_gain_of_a_second_gpu_is_what_was_measured() -> None:
    one, two = results("ray-scaling-nvidia-h200")["runs"]
    assert (one["workers"], two["workers"]) == (1, 2) and one["points"] == two["points"]
    assert table("workers") == [
        ["1", f"{one['seconds']:.0f}", "1"],
        ["2", f"{two['seconds']:.0f}", f"{one['seconds'] / two['seconds']:.2f}x"],
    ]
    [killed] = results("ray-scaling-nvidia-h200-killed")["runs"]
    assert killed["killed"] == 1 and killed["points"] == two["points"]
    assert f"took {killed['seconds']:.0f} s, and again has all {two['points']} points" in PAGE
    assert f"{two['trial_s']:.1f} and {one['trial_s']:.1f} s" in PAGE
    start, end = two["first_trial_s"], two["end_s"]
    assert f"{start:.0f} s pass before the first trial, and {end:.0f} s after the last" in PAGE
