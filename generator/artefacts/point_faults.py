"""What is wrong with the JSON of a point, in one plain line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from storage.foreign import plain, shown
from storage.records.record import GREATEST, Record

KINDS = {
    "bool_type": "true or false",
    "int_type": "a number",
    "float_type": "a number",
    "string_type": "a text",
}
"""What a value should be, by the error that says it is not."""


def first_fault(error: ValidationError, content: Any) -> str:
    """Describe the first thing that is wrong with a content.

    A value that may be of several kinds has one error for each of them.
    """
    first, *others = error.errors()
    place, value = _found(first, content)
    name = plain(".".join(map(str, place)))
    if first["type"] == "missing":
        return f"{name} is missing"
    if isinstance(value, int | float) and not -GREATEST <= value <= GREATEST:
        return f"{name} must be a number from {-GREATEST:g} to {GREATEST:g}, not {shown(value)}"
    same = [each for each in others if _found(each, content)[0] == place]
    kinds = dict.fromkeys(KINDS.get(each["type"], "") for each in (first, *same))
    if all(kinds):
        return f"{name} must be {' or '.join(kinds)}, not {shown(value)}"
    rule = first["msg"].removeprefix("Input should be ")
    return f"{name} must be {rule}, not {shown(value)}"


def unknown_key(record: Record, place: str = "") -> str:
    """Where a record, or one inside it, has an unknown key; empty if none has."""
    for name in record.model_extra or {}:
        return plain(place + name)
    for name in type(record).model_fields:
        value = getattr(record, name)
        inner = value.items() if isinstance(value, Mapping) else [("", value)]
        if isinstance(value, tuple):
            inner = [(str(index), each) for index, each in enumerate(value)]
        for key, each in inner:
            if isinstance(each, Record):
                where = f"{place}{name}.{key}." if key else f"{place}{name}."
                if found := unknown_key(each, where):
                    return found
    return ""


def _found(error: ErrorDetails, content: Any) -> tuple[list[int | str], Any]:
    """Where an error is, without the names of kinds that pydantic adds, and the value there."""
    place: list[int | str] = []
    for part in error["loc"]:
        try:
            content = content[part]
        except (LookupError, TypeError):
            if error["type"] == "missing":
                place.append(part)
            break
        place.append(part)
    return place, content
