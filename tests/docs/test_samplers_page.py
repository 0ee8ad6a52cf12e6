"""docs/samplers.md: how large the spaces are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from objectives.pipelines.catalogue import PIPELINES
from studies.planning.stacks import make_stack
from studies.request import StudyRequest

PAGE = Path(__file__).parents[2] / "docs" / "samplers.md"
COLUMNS = (("SD1.5", "SD2.1"), ("SDXL",))


def _rows() -> list[tuple[str, int, list[str]]]:
    """Each stack of the table with its steps and its cells."""
    text = PAGE.read_text(encoding="utf-8")
    section = text.partition("## How large a space is")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([a-z_,]+)`(?:, (\d+) steps)? \|(.*)\|$", section, re.MULTILINE)
    return [
        (methods, int(steps or 20), [cell.strip() for cell in cells.split("|")])
        for methods, steps, cells in found
    ]


def _size(pipeline: str, methods: str, steps: int) -> str:
    entry = PIPELINES[pipeline]
    request = StudyRequest(pipeline, "DDIM", steps, tuple(methods.split(",")), trials=1)
    stack = make_stack(request, entry, entry.architecture)
    points, grid = len(stack.points), stack.grid_size
    return f"{points:,}" if points == grid else f"{points:,} of {grid:,}"


@pytest.mark.parametrize(("methods", "steps", "cells"), _rows())
def test_the_table_of_spaces_holds(methods: str, steps: int, cells: list[str]) -> None:
    said = dict(zip(COLUMNS, cells, strict=True))
    sizes = {column: {_size(name, methods, steps) for name in column} for column in COLUMNS}
    assert sizes == {column: {cell} for column, cell in said.items()}
