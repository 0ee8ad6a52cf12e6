"""The values of a task's entry: each is read with the words of a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from generator.tasks.lexer import quote
from generator.tasks.measures import EXAMPLES
from generator.tasks.parsing import Reading, Value, parse
from generator.tasks.words import METRIC_WORDS
from objectives.errors import InputError
from storage.foreign import shown
from storage.records.budgets import MEMORY
from storage.spelling import likely, suggested

MEMORY_KEY = "memory"
"""The key of the peak memory limit in an entry."""

_JSON_EXAMPLES = {
    "pipeline": '"tiny-shapes"',
    "scheduler": '"DDIM"',
    "steps": "25",
    "methods": '["deepcache", "tgate"]',
    "speedup": "1.5",
    "latency_s": "0.8",
    "loss_budget": "0.02",
    "budgets": '{"ssim": "10%"}',
}

_LABELS = {"steps": "steps", "speedup": "speedup", "latency_s": "latency", "loss_budget": "loss"}


def read_value(key: str, value: Any) -> Reading:
    """Read one value of an entry; its key says what it is."""
    piece = quote(f"{key}: {_in_json(value)}")
    if key == "methods" and isinstance(value, list) and all(isinstance(v, str) for v in value):
        value = ", ".join(value)
    is_number = key in EXAMPLES
    if is_number and isinstance(value, int | float) and not isinstance(value, bool):
        if key == "loss_budget" and abs(value) >= 1:
            raise InputError(f'{piece} must be a share such as 0.02, or text such as "2%"')
        return Reading({key: {value: piece}}, ())
    # Text without a digit is not a number, whatever names are known.
    if not isinstance(value, str) or (is_number and not any(map(str.isdecimal, value))):
        raise InputError(f'{piece} cannot be read; write it like "{key}": {_JSON_EXAMPLES[key]}')
    reading = parse(f"{_LABELS.get(key, '')} {value}")
    if reading.found.keys() != {key}:
        raise InputError(f"{piece} must give {key} and nothing else")
    return reading


def read_budgets(value: Any) -> Reading:
    """Read the budgets of an entry, by metric and `memory`."""
    if not isinstance(value, Mapping):
        raise InputError(
            f'{quote(f"budgets: {_in_json(value)}")} cannot be read; write it like "budgets": '
            '{"ssim": "10%", "memory": "20GiB"}'
        )
    found: dict[str, dict[Value, str]] = {}
    names = [*METRIC_WORDS, MEMORY_KEY]
    for name, most in value.items():
        if name not in names:
            hint = suggested(likely(str(name), names), f"there are {', '.join(names)}")
            raise InputError(f"budgets: there is no budget {shown(name)}; {hint}")
        is_number = isinstance(most, int | float) and not isinstance(most, bool)
        text = f"{Decimal(repr(most)):f}" if is_number else most
        if not isinstance(text, str):
            raise InputError(f'budgets: {name} is a share, or text such as "10%" or "20GiB"')
        reading = parse(f"{MEMORY_KEY} {text}" if name == MEMORY_KEY else f"{name} loss {text}")
        key = MEMORY if name == MEMORY_KEY else name
        if reading.found.keys() != {key}:
            raise InputError(f"budgets: {name} must be one amount, and {shown(text)} was given")
        found |= reading.found
    return Reading(found, ())


def _in_json(value: Any) -> str:
    """A value as JSON writes it; for a nested one, which may be endless, its kind."""
    if isinstance(value, str):
        return value
    return shown(value).lower() if isinstance(value, bool) else shown(value)
