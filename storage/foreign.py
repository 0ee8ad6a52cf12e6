"""Text that others wrote, read within bounds: YAML and JSON files, and excerpts in errors.

Only plain content is read: text that can be encoded, numbers of a sensible size, lists and keys. A
date is read as text, as nothing here takes one.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

MOST_VALUES = 10_000
"""Most values of a YAML document; values that aliases repeat count each time."""

MOST_SHOWN = 80
"""Most characters of a value that an error repeats."""

GREATEST = 10**18
"""Greatest whole number; a greater one is read as infinity, which every rule refuses."""

MOST_DIGITS = 20

KINDS: dict[type, str] = {dict: "keys and values", list: "a list", tuple: "a list", bytes: "bytes"}
"""Types of values that errors name without their content."""

TOO_DEEP = "it is nested too deeply"


class ForeignTextError(ValueError):
    """A text that breaks the rules; the message continues the name of the file."""


def compose_yaml(text: str) -> yaml.Node | None:
    """The nodes of a YAML document; None if it is empty.

    Raises:
        ForeignTextError: If it is no YAML.
    """
    try:
        return yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ForeignTextError(f"is no YAML: {_reason(error)}") from error


def line_of(node: yaml.Node | None, place: Sequence[int | str]) -> int:
    """Find the line of a YAML document that holds a key or an item.

    Args:
        node: What `compose_yaml` returned.
        place: Keys and indices that lead there; those that do not exist are skipped.
    """
    line = 0
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pairs = [pair for pair in node.value if pair[0].value == part]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            pairs = [(each, each) for each in node.value[part : part + 1]]
        else:
            pairs = []
        if not pairs:
            break
        line, node = pairs[0][0].start_mark.line, pairs[0][1]
    return line + 1


def construct_yaml(node: yaml.Node) -> Any:
    """The value that a YAML node stands for.

    Raises:
        ForeignTextError: If it is too large, or not plain.
    """
    try:
        _count(node, {})
        value = _Loader("").construct_document(node)
        _check_text(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ForeignTextError(_reason(error)) from error
    except (LookupError, AttributeError, OverflowError) as error:
        # PyYAML raises these for `!!int ""`, `!!bool x` and so on.
        raise ForeignTextError("a tag does not fit its value") from error
    return value


def read_json(text: str, pairs: Callable[[list[tuple[str, Any]]], Any] = dict) -> Any:
    """Read JSON.

    Args:
        text: The JSON.
        pairs: Builds an object from its keys and values.

    Raises:
        ForeignTextError: If it is empty, no JSON, or not plain.
    """
    if not text.strip():
        raise ForeignTextError("is empty")
    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_int=_read_int)
        _check_text(value)
    except (json.JSONDecodeError, ForeignTextError, RecursionError) as error:
        raise ForeignTextError(f"is not JSON: {_reason(error)}") from error
    return value


def shown(value: object) -> str:
    """Format a value that others wrote for an error: short, printable, on one line."""
    if isinstance(value, str):
        return repr(value) if len(value) <= MOST_SHOWN else f"{value[:MOST_SHOWN]!r}..."
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int):
        return repr(value) if abs(value) <= GREATEST else "a number of more than 18 digits"
    kinds: dict[type, str] = {
        dict: "keys and values",
        list: "a list",
        tuple: "a list",
        bytes: "binary data",
    }
    return kinds.get(type(value), f"a {type(value).__name__}")


def plain(text: str) -> str:
    """Format a text that others wrote, without quotes: on one line, printable, not too long."""
    line = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return line if len(line) <= 2 * MOST_SHOWN else f"{line[: 2 * MOST_SHOWN]}..."


def is_text(text: str) -> bool:
    """Whether a text can be encoded; escapes can spell halves of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Loader(yaml.SafeLoader):
    """Keeps dates as text, and numbers within a size."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int | float:  # type: ignore[override]
        """See `yaml.SafeLoader`."""
        try:
            return _bounded(super().construct_yaml_int(node))
        except ValueError:
            # Python reads at most a few thousand digits at once.
            return math.inf


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def _read_int(digits: str) -> int | float:
    return _bounded(int(digits)) if len(digits) <= MOST_DIGITS else math.inf


def _bounded(number: int) -> int | float:
    return number if abs(number) <= GREATEST else math.inf


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for once its aliases are expanded."""
    if id(node) in known:
        return known[id(node)]
    # A node within itself would never end.
    known[id(node)] = MOST_VALUES
    _refuse_repeats(node)
    parts = node.value if isinstance(node, yaml.CollectionNode) else []
    total = 1 + sum(
        _count(each, known)
        for part in parts
        for each in (part if isinstance(part, tuple) else (part,))
    )
    if total > MOST_VALUES:
        raise ForeignTextError(
            f"it comes to more than {MOST_VALUES:,} values; write fewer, no aliases"
        )
    known[id(node)] = total
    return total


def _refuse_repeats(node: yaml.Node) -> None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    keys = [key.value for key, _ in pairs if isinstance(key, yaml.ScalarNode)]
    for key, count in Counter(keys).items():
        if count > 1:
            raise ForeignTextError(f"{shown(key)} is given twice; keep one")


def _check_text(value: Any) -> None:
    if isinstance(value, str):
        if not is_text(value):
            raise ForeignTextError(f"{shown(value)} holds half a character")
    elif isinstance(value, Mapping):
        for each in (*value.keys(), *value.values()):
            _check_text(each)
    elif isinstance(value, list | tuple | set):
        for each in value:
            _check_text(each)


def _reason(error: Exception) -> str:
    """The fault and its line, without the text that the parser quotes."""
    if isinstance(error, RecursionError):
        return TOO_DEEP
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{plain(str(error.problem))}, in line {error.problem_mark.line + 1}"
    if isinstance(error, yaml.reader.ReaderError):
        return f"it holds a control character or an invalid one, at position {error.position}"
    return plain(str(error))
