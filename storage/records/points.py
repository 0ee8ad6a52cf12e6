"""Points: parameter sets, the names of their parameters, and a point as text.

Between rooms a parameter is `method.parameter`, as two methods may use the same name:
DeepCache and TaylorSeer have `cache_interval`. In a database and on a screen it is shorter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar("Value")


STORED_SHORT = {
    "cache_interval": "deepcache",
    "cache_branch_id": "deepcache",
    "gate_step": "tgate",
    "sp_interval": "tgate",
    "fi_interval": "tgate",
    "warm_up": "tgate",
    "ratio": "tome",
    "max_downsample": "tome",
    "spatial_attention_block_skip_range": "pab",
    "cross_attention_block_skip_range": "pab",
    "cutoff_step_index": "cfg_cutoff",
    "num_inference_steps": "fewer_steps",
}
"""Parameters that a database holds without their method, as studies of the first edition do.

This set is closed: a study can only be resumed while its names stay, and any other parameter is
stored under its whole name."""


def whole_name(name: str) -> str:
    """The name between rooms of a stored parameter; a whole name stays as it is."""
    return f"{STORED_SHORT[name]}.{name}" if name in STORED_SHORT else name


def stored_name(name: str) -> str:
    """The name of a parameter in a database; a stored name stays as it is."""
    method, _, parameter = name.partition(".")
    return parameter if STORED_SHORT.get(parameter) == method else name


def by_whole_names(stored: Mapping[str, Value]) -> dict[str, Value]:
    """Rename stored values by parameter, such as a point, for use between rooms."""
    return {whole_name(name): value for name, value in stored.items()}


def by_stored_names(whole: Mapping[str, Value]) -> dict[str, Value]:
    """Rename values by parameter, such as a point, for a database."""
    return {stored_name(name): value for name, value in whole.items()}


def by_short_names(whole: Mapping[str, Value]) -> dict[str, Value]:
    """Rename values by parameter for a screen: without the method where that is unambiguous."""
    short = {name: _without_method(name) for name in whole}
    uses = Counter(short.values())
    return {short[name] if uses[short[name]] == 1 else name: value for name, value in whole.items()}


def _without_method(name: str) -> str:
    """A parameter's own name; a name that is no `method.parameter` stays whole."""
    method, _, parameter = name.partition(".")
    return parameter if method.isidentifier() and parameter.isidentifier() else name


def point_key(point: Mapping[str, int | float]) -> str:
    """Write a point as the text that identifies it, also in a database.

    Args:
        point: A point as `Stack.canonical` gives it, or as it is stored.
    """
    return _text(by_stored_names(point))


def point_text(point: Mapping[str, int | float]) -> str:
    """Write a point for people, as in `cache_interval=3 cache_branch_id=0`."""
    return _text(by_short_names(point))


def _text(point: Mapping[str, int | float]) -> str:
    return " ".join(f"{name}={value:.15g}" for name, value in point.items())
