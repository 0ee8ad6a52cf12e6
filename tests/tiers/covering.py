"""Choose the cells of a matrix that `make test` runs; `make test-all` runs the others too."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import pytest

DATABASES = {"sqlite", "postgres"}
"""The values of the fixture `url`."""


def covering(cells: Iterable[Any], covers: Callable[..., Iterable[Hashable]]) -> list[Any]:
    """Mark the cells that cover nothing new as thorough.

    The choice is greedy: the next everyday cell is the one that covers most of what is not covered
    yet, until all is covered. So a new family or method gets a cell by itself.

    Args:
        cells: `pytest.param`s, or tuples of values.
        covers: Returns what a cell with these values covers.
    """
    params = [_as_param(cell) for cell in cells]
    covered = [frozenset(covers(*param.values)) for param in params]
    left = frozenset[Hashable]().union(*covered)
    everyday = set()
    while left:
        most = max(range(len(params)), key=lambda at: len(left & covered[at]))
        everyday.add(most)
        left -= covered[most]
    return [param if at in everyday else _as_thorough(param) for at, param in enumerate(params)]


def taking_turns(cells: Iterable[Any], turn: int = 0, of: int = 2) -> list[Any]:
    """Mark all but every n-th cell as thorough.

    Args:
        cells: `pytest.param`s, or values of a single parameter.
        turn: The index of the first everyday cell, below `of`. Tests that share a matrix take
            different turns, so that each cell is an everyday cell of one of them.
        of: n, the number of tests that take turns.
    """
    params = [_as_param(cell) for cell in cells]
    return [param if at % of == turn else _as_thorough(param) for at, param in enumerate(params)]


def is_turn_of_other_database(item: pytest.Item) -> bool:
    """Whether this cell leaves its turn to the same cell on the other database.

    The turn alternates from cell to cell, and from test to test of a file.
    """
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return False
    if item.callspec.params.get("url") not in DATABASES:
        return False
    tests = [name for name in vars(item.module) if name.startswith("test_")]
    return (tests.index(item.originalname) + sum(item.callspec.indices.values())) % 2 == 1


def is_everyday(param: Any) -> bool:
    """Whether `make test` runs a cell."""
    return not any(mark.name == "thorough" for mark in _as_param(param).marks)


def selected(request: pytest.FixtureRequest, *names: str) -> list[tuple[Any, ...]]:
    """The values of these parameters in the tests that this run has selected from a file.

    Args:
        request: Of a fixture of that file.
        names: The parameters.
    """
    found = [
        item.callspec.params
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and hasattr(item, "callspec")
    ]
    return [tuple(params[name] for name in names) for params in found if {*names} <= {*params}]


def _as_param(cell: Any) -> Any:
    if hasattr(cell, "marks"):
        return cell
    return pytest.param(*cell) if isinstance(cell, tuple) else pytest.param(cell)


def _as_thorough(param: Any) -> Any:
    return pytest.param(*param.values, id=param.id, marks=(*param.marks, pytest.mark.thorough))
