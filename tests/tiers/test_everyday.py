"""`make test` covers what `make test-all` covers, with fewer cells."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.accel_space.contract import (
    test_installing,
    test_points,
    test_sameness,
    test_undo,
    test_work,
)
from tests.accel_space.contract.stacks import LOSSY, STACKS
from tests.tiers.covering import covering, is_everyday, taking_turns
from tests.tiny_pipelines import EVERY_FAMILY, FLOW_FAMILIES

REPOSITORY = Path(__file__).parents[2]

CONTRACT = (test_installing, test_points, test_sameness, test_undo, test_work)


def matrices(module: ModuleType) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """Each test that takes stacks: its name, all of its cells, and its everyday cells."""
    for name, test in vars(module).items():
        marks = getattr(test, "pytestmark", []) if name.startswith("test_") else []
        thorough = any(mark.name == "thorough" for mark in marks)
        for mark in marks:
            if mark.name == "parametrize" and "names" in mark.args[0]:
                cells = [dict(zip(mark.args[0], each.values, strict=True)) for each in mark.args[1]]
                chosen = map(is_everyday, mark.args[1])
                everyday = [cell for cell, is_one in zip(cells, chosen, strict=True) if is_one]
                yield name, cells, [] if thorough else everyday


def families_in(cells: list[Any]) -> set[str]:
    return {cell["family"] for cell in cells if "family" in cell}


def methods_in(cells: list[Any]) -> set[str]:
    return {name for cell in cells for name in cell["names"]}


@pytest.mark.parametrize("module", CONTRACT, ids=lambda module: str(module.__name__))
def test_every_method_and_family_of_a_test_has_an_everyday_cell(module: ModuleType) -> None:
    found = list(matrices(module))
    assert found
    for name, cells, everyday in found:
        assert methods_in(everyday) == methods_in(cells), name
        assert families_in(everyday) == families_in(cells), name


def test_everyday_cells_cover_all_methods_families_and_stacks() -> None:
    sameness = [cell for *_, everyday in matrices(test_sameness) for cell in everyday]
    undo = [cell for *_, everyday in matrices(test_undo) for cell in everyday]
    assert methods_in(sameness) == set(LOSSY)
    assert families_in(sameness) >= set(FLOW_FAMILIES)
    assert families_in(undo) == set(EVERY_FAMILY)
    assert {cell["names"] for cell in sameness} == set(STACKS)


@pytest.mark.thorough
def test_every_file_that_takes_two_databases_has_everyday_cells_of_both() -> None:
    folders = ("tests/storage", "tests/studies/database")
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", *folders]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    found = set(re.findall(r"^(\S+)::\w+\[(sqlite|postgres)\b", done.stdout, re.MULTILINE))
    files = {file for file, _ in found}
    assert len(files) > 5
    assert found == {(file, database) for file in files for database in ("sqlite", "postgres")}


@given(st.lists(st.frozensets(st.integers(0, 9))))
def test_everyday_cells_cover_what_all_cells_cover(covered: list[frozenset[int]]) -> None:
    cells = covering([(each,) for each in covered], lambda each: each)
    assert [cell.values for cell in cells] == [(each,) for each in covered]
    everyday = [cell.values[0] for cell in cells if is_everyday(cell)]
    assert frozenset[int]().union(*everyday) == frozenset[int]().union(*covered)
    # Each covers something that those before it do not.
    assert all(everyday) and len(everyday) <= 10


def test_each_cell_is_an_everyday_cell_of_one_of_the_tests_that_take_turns() -> None:
    turns = [taking_turns("abcdefg", turn, of=3) for turn in range(3)]
    for column in zip(*turns, strict=True):
        assert sum(map(is_everyday, column)) == 1
