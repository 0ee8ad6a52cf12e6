"""What `make test` leaves to `make test-all` shows nothing that it does not show itself."""

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
    """Each test that is held for stacks: its name, all of its cells, and those of every day."""
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
def test_every_method_and_family_of_a_promise_has_a_cell_of_every_day(module: ModuleType) -> None:
    found = list(matrices(module))
    assert found
    for name, cells, everyday in found:
        assert methods_in(everyday) == methods_in(cells), name
        assert families_in(everyday) == families_in(cells), name


def test_every_day_shows_all_methods_families_and_stacks() -> None:
    sameness = [cell for *_, everyday in matrices(test_sameness) for cell in everyday]
    undo = [cell for *_, everyday in matrices(test_undo) for cell in everyday]
    assert methods_in(sameness) == set(LOSSY)
    assert families_in(sameness) >= set(FLOW_FAMILIES)
    assert families_in(undo) == set(EVERY_FAMILY)
    assert {cell["names"] for cell in sameness} == set(STACKS)


@pytest.mark.thorough
def test_every_file_that_is_held_on_two_databases_meets_both_every_day() -> None:
    folders = ("tests/storage", "tests/studies/database")
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", *folders]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    found = set(re.findall(r"^(\S+)::\w+\[(sqlite|postgres)\b", done.stdout, re.MULTILINE))
    files = {file for file, _ in found}
    assert len(files) > 5
    assert found == {(file, database) for file in files for database in ("sqlite", "postgres")}


@given(st.lists(st.frozensets(st.integers(0, 9))))
def test_what_is_shown_by_any_cell_is_shown_every_day(shown: list[frozenset[int]]) -> None:
    cells = covering([(each,) for each in shown], lambda each: each)
    assert [cell.values for cell in cells] == [(each,) for each in shown]
    everyday = [cell.values[0] for cell in cells if is_everyday(cell)]
    assert frozenset[int]().union(*everyday) == frozenset[int]().union(*shown)
    # None of them shows only what those before it show.
    assert all(everyday) and len(everyday) <= 10


def test_of_tests_that_take_turns_each_cell_is_in_one_every_day() -> None:
    turns = [taking_turns("abcdefg", turn, of=3) for turn in range(3)]
    for column in zip(*turns, strict=True):
        assert sum(map(is_everyday, column)) == 1
