"""What works where a stack does not: other schedulers, or otherwise other methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from accel_space.method import Context
from accel_space.methods import METHODS


def alternatives(context: Context) -> str:
    """Name what works instead, as the end of a refusal; empty if nothing does.

    Args:
        context: A context in which some method does not work.
    """
    schedulers = [
        name
        for name, profile in context.other_schedulers().items()
        if _works(replace(context, scheduler=profile))
    ]
    if schedulers:
        return f"; take {_either(schedulers)}"
    alone = replace(context, halved_methods=frozenset())
    others = [
        name
        for name in METHODS
        if name not in context.methods and _works(replace(alone, methods=frozenset({name})))
    ]
    return f"; use {_either(others)}" if others else ""


def _works(context: Context) -> bool:
    return all(METHODS[name].why_not(context) is None for name in context.methods)


def _either(names: Sequence[str]) -> str:
    """Join names as in `a, b or c`."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
