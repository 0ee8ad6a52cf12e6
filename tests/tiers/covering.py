"""Which cells of a matrix `make test` runs; the others are `thorough`, for `make test-all`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import pytest

DATABASES = {"sqlite", "postgres"}
"""What the fixture `url` is given."""


def covering(cells: Iterable[Any], shows: Callable[..., Iterable[Hashable]]) -> list[Any]:
    """Mark as thorough what the other cells show, too.

    The first of the cells that show most of what is not shown yet runs every day, and so on until
    all is shown. So whatever is new is shown every day.

    Args:
        cells: Of `pytest.param`, or tuples of values.
        shows: What a cell with such values shows.
    """
    params = [_as_param(cell) for cell in cells]
    shown = [frozenset(shows(*param.values)) for param in params]
    left = frozenset[Hashable]().union(*shown)
    everyday = set()
    while left:
        most = max(range(len(params)), key=lambda at: len(left & shown[at]))
        everyday.add(most)
        left -= shown[most]
    return [param if at in everyday else _as_thorough(param) for at, param in enumerate(params)]


def taking_turns(cells: Iterable[Any], turn: int = 0, of: int = 2) -> list[Any]:
    """Mark all but each second cell, or third, as thorough.

    Args:
        cells: Of `pytest.param`, or values of a single parameter.
        turn: The first cell that runs every day. Tests with the same cells have different turns,
            so that each cell is in one of them.
        of: How many tests, or runs, take turns.
    """
    params = [_as_param(cell) for cell in cells]
    return [param if at % of == turn else _as_thorough(param) for at, param in enumerate(params)]


def is_turn_of_other_database(item: pytest.Item) -> bool:
    """Whether a cell that runs on each database has its turn on the other one.

    From cell to cell, and from test to test of a file, the turn goes to the other database.
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
    """The values that the tests of a fixture's file have in this run, without its thorough cells.

    Args:
        request: The fixture's.
        names: Of the parameters.
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
