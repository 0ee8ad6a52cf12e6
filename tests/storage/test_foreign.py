"""Text that others wrote: what is refused, what is bounded, and what errors repeat of it."""

from __future__ import annotations

import math
import time
import tracemalloc
from typing import Any

import pytest

from storage.foreign import (
    ForeignTextError,
    compose_yaml,
    construct_yaml,
    plain,
    read_json,
    shown,
)


def read_yaml(text: str) -> Any:
    node = compose_yaml(text)
    return None if node is None else construct_yaml(node)


def bomb(depth: int) -> str:
    """A few hundred characters that come to ten times as many values with each level."""
    lines = [f"a0: &a0 [{', '.join('x' * 10)}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, depth + 1)]
    return "\n".join(lines)


def test_aliases_are_read_as_long_as_they_come_to_little() -> None:
    assert read_yaml("a: &a [1, 2]\nb: *a") == {"a": [1, 2], "b": [1, 2]}
    assert len(read_yaml(bomb(2))["a2"]) == 10


@pytest.mark.parametrize(
    "text", [bomb(7), bomb(60), "&a [*a]", "a: &a {b: *a}", "a: &a {<<: *a}"], ids=len
)
def test_aliases_without_an_end_are_refused_at_once(text: str) -> None:
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(ForeignTextError, match="more than 10,000 values"):
        read_yaml(text)
    assert time.process_time() - start < 5
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 3000 + "]" * 3000, "nested too deeply"),
        ("{a: " * 3000 + "}" * 3000, "nested too deeply"),
        ('"\\ud800"', "half a character"),
        ('{"\\udfff": 1}', "half a character"),
        ("{a: 1, a: 2}", "'a' is given twice"),
        ("a: [", "in line 1"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ('!!int ""', "a tag does not fit its value"),
        ("!!bool maybe", "a tag does not fit its value"),
        ("!!timestamp soon", "a tag does not fit its value"),
        ("? [a]\n: b", "unhashable key"),
        ("a\0b", "control character"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_in_a_line(text: str, told: str) -> None:
    with pytest.raises(ForeignTextError, match=told) as refused:
        read_yaml(text)
    assert str(refused.value).isprintable() and len(str(refused.value)) < 250


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("[" * 3000 + "]" * 3000, "nested too deeply"),
        ('["\\ud800"]', "half a character"),
        ("{", "Expecting property name"),
        (" \n", "is empty"),
    ],
)
def test_what_is_no_plain_json_is_refused_in_a_line(text: str, told: str) -> None:
    with pytest.raises(ForeignTextError, match=told) as refused:
        read_json(text)
    assert str(refused.value).isprintable() and len(str(refused.value)) < 250


@pytest.mark.parametrize("number", ["9" * 19, "-" + "9" * 19, "9" * 5000, "1" + "0" * 400])
def test_whole_numbers_beyond_all_sense_are_infinite(number: str) -> None:
    assert read_json(f"[{number}]") == read_yaml(f"[{number}]") == [math.inf]


def test_other_numbers_and_dates_are_what_they_say() -> None:
    text = "[12, -3, 0x1f, 1.5, 2024-01-01, 2024-13-45, 1:30]"
    assert read_yaml(text) == [12, -3, 31, 1.5, "2024-01-01", "2024-13-45", 90]
    assert read_json("[999999999999999999, 1.5]") == [10**18 - 1, 1.5]


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**6, "\x1b[31m\u202e", "\ud800", 10**6000, [["x"] * 10**5], {"a": {"b": "c"}},
        b"\0" * 10**6, {1, 2}, float("nan"), None, True,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_errors_repeat_little_of_a_value_and_nothing_that_moves_the_screen(value: object) -> None:
    assert shown(value).isprintable() and len(shown(value)) < 500
    assert plain(str(shown(value))).isprintable()


def test_what_is_short_is_shown_as_it_is() -> None:
    values: list[object] = ["many", 3, 0.5, [1], {}]
    assert [*map(shown, values)] == ["'many'", "3", "0.5", "a list", "keys and values"]
