"""README.md and docs/captured.md: their seconds a picture are those of the kept results."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from benchmarks.measuring.true_front_page import plain_latency, read_results

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"

ROWS = {
    "SD1.5, 1": "sd1.5-batch1-dpm-solver-25",
    "SD1.5, 8": "sd1.5-batch8-dpm-solver-25",
    "SD1.5, batches of 8": "sd1.5-batch8-dpm-solver-25",
    "SD2.1, 1": "sd2.1-batch1-dpm-solver-25",
    "SD2.1": "sd2.1-batch1-dpm-solver-25",
    "SDXL, 1": "sdxl-batch1-dpm-solver-25",
    "SDXL, 4": "sdxl-batch4-dpm-solver-25",
    "SDXL, batches of 4": "sdxl-batch4-dpm-solver-25",
    "SD1.5, 20 steps of DDIM": "sd1.5-batch1-ddim-20",
    "SD1.5, 50 steps of DDIM": "sd1.5-batch1-ddim-50",
    "PixArt-alpha, 1": "pixart-alpha-batch1-dpm-solver-25",
    "PixArt-alpha": "pixart-alpha-batch1-dpm-solver-25",
    "FLUX.1-dev, 1": "flux.1-dev-batch1-flowmatcheuler-28",
    "SD3.5-medium, 1": "sd3.5-medium-batch1-flowmatcheuler-28",
}
"""The file of a row, by what the row is called."""

COLUMNS = {
    "SD1.5": "sd1.5-batch1-dpm-solver-25",
    "SDXL": "sdxl-batch1-dpm-solver-25",
    "FLUX.1-dev": "flux.1-dev-batch1-flowmatcheuler-28",
    "SD3.5-medium": "sd3.5-medium-batch1-flowmatcheuler-28",
}
"""The file of a column, where each column is a pipeline."""


def cells_of(line: str) -> list[str]:
    """The cells of a table's line, links reduced to their words."""
    return [re.sub(r"\[(.*?)\](\[.*?\]|\(.*?\))", r"\1", each).strip() for each in line.split("|")][
        1:-1
    ]


def tables_of(page: str) -> Iterator[list[list[str]]]:
    """The tables of a page, each as its lines' cells, the ruler left out."""
    for block in re.findall(r"(?:^\|.*\n)+", (ROOT / page).read_text(encoding="utf-8"), re.M):
        head, _, *rows = block.splitlines()
        yield [cells_of(each) for each in (head, *rows)]


def figures() -> Iterator[tuple[str, str, str]]:
    """The file, the row and the figure of each cell that tells seconds a picture."""
    for page in ("README.md", "docs/captured.md", "docs/results.md"):
        for head, *rows in tables_of(page):
            for name, *cells in rows:
                for title, cell in zip(head[1:], cells, strict=True):
                    file = ROWS.get(name) or (COLUMNS.get(title) if "plain" in rows[0][0] else None)
                    for figure in re.findall(r"\d+\.\d+(?![\dx])", cell) if file else ():
                        yield str(file), f"{name}: {title}", figure


@cache
def seconds_in(file: str) -> list[float]:
    """The plain time of a file, and that of each point; also by the point's speedup."""
    results = read_results(RESULTS / f"true-front-{file}-nvidia-h200.json")
    stacks = {name: each for name, each in results["stacks"].items() if each.get("trials")}
    plain = plain_latency(stacks)
    trials = [trial for each in stacks.values() for trial in each["trials"]]
    return [
        plain,
        *(value for each in trials for value in (each["latency_s"], plain / each["speedup"])),
    ]


def test_the_tables_are_found() -> None:
    assert {file for file, *_ in figures()} == {*ROWS.values()}


@pytest.mark.parametrize(("file", "place", "figure"), sorted(set(figures())))
def test_a_figure_is_one_of_its_file(file: str, place: str, figure: str) -> None:
    digits = len(figure.partition(".")[2])
    nearest = min(seconds_in(file), key=lambda each: abs(each - float(figure)))
    assert abs(nearest - float(figure)) <= 0.501 * 10**-digits
