"""Arguments from Python, checked against the types that their function names."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ParamSpec, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from accelfront.api.errors import AccelfrontError
from storage.foreign import plain

P = ParamSpec("P")
R = TypeVar("R")

STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True)
"""The text "3" is no number, and True neither."""

WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "text",
    Path: "a Path",
    NoneType: "None",
}
"""Types as people call them."""


def checked(call: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of a function against its annotations, before it runs.

    The annotated types must exist then, so imports for type checks alone do not work.

    Args:
        call: A function or a method.
    """
    takes = signature(call)

    @wraps(call)
    def checked_call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = takes.bind(*args, **kwargs)
        except TypeError as error:
            # Python's own words for a wrong call, with the function's name.
            raise TypeError(f"{call.__qualname__}() {error}") from None
        hints = get_type_hints(call)
        for name in given.arguments.keys() & hints.keys():
            given.arguments[name] = _taken(name, given.arguments[name], hints[name])
        return call(*given.args, **given.kwargs)

    return checked_call


def _taken(name: str, value: Any, hint: Any) -> Any:
    """Return an argument if it has its type.

    Raises:
        AccelfrontError: If it does not.
    """
    value = _without_numpy(value)
    try:
        TypeAdapter(hint, config=STRICT).validate_python(value)
    except ValidationError as error:
        raise AccelfrontError(
            f"{name} takes {_in_words(hint)}, and {plain(reprlib.repr(value))} was given"
        ) from error
    return value


def _without_numpy(value: Any) -> Any:
    """A number as one of Python's own, as databases cannot keep numpy's."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def _in_words(hint: Any) -> str:
    """A type as people call it."""
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind in WORDS:
        return WORDS[kind]
    if kind is UnionType:
        return " or ".join(map(_in_words, parts))
    if kind is tuple:
        return f"({', '.join(map(_in_words, parts))})"
    if issubclass(kind, Mapping):
        return f"a dict (by name, of {_in_words(parts[1])})"
    return f"a list (of {_in_words(parts[0])})" if parts else f"a {kind.__name__}"
