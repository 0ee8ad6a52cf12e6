"""Stacks: methods applied together, their common space and its distinct points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import product
from math import isfinite, prod
from numbers import Real
from typing import Any

from accel_space.denoiser import find_denoiser
from accel_space.errors import RefusedError
from accel_space.method import (
    Choices,
    Code,
    Context,
    Generate,
    Method,
    Params,
    Skipped,
    Space,
    Value,
)
from accel_space.methods import METHODS
from accel_space.restore import restored
from storage.foreign import shown

_MARK = "_accelfront_stack"

_Key = tuple[tuple[str, tuple[float, ...]], ...]


def find_methods(names: Iterable[str]) -> tuple[Method, ...]:
    """Look methods up by name and put them into the order in which they are applied.

    Args:
        names: Method names, in any order; a name given twice counts once.

    Raises:
        RefusedError: If a name is unknown or two of the methods are in conflict.
    """
    wanted = set(names)
    unknown = sorted(wanted - METHODS.keys())
    if unknown:
        raise RefusedError(
            f"unknown method {shown(unknown[0])}; the methods are {', '.join(METHODS)}"
        )
    for name in sorted(wanted):
        for other, reason in METHODS[name].conflicts.items():
            if other in wanted:
                raise RefusedError(
                    f"{name} and {other} cannot be used together: {reason}; leave one of them out"
                )
    before = {name: sorted(METHODS[name].after & wanted) for name in sorted(wanted)}
    return tuple(METHODS[name] for name in TopologicalSorter(before).static_order())


def stack_code(params: Params, pipeline_class: str, methods: Iterable[str]) -> list[Code]:
    """Write what a stack does for a script, in the order in which it is applied.

    Args:
        params: A value for every parameter of the stack.
        pipeline_class: Name of the diffusers pipeline class.
        methods: Names of its methods.

    Raises:
        RefusedError: If a method is unknown, or two are in conflict.
    """
    names = frozenset(methods)
    return [
        method.code(params, pipeline_class, names) for method in _applied_ones(find_methods(names))
    ]


class Stack:
    """The methods of one combination, in one context. A stack of no methods is the plain pipe."""

    def __init__(self, context: Context) -> None:
        """Check that the context's methods can work together in it.

        Raises:
            RefusedError: If a method is unknown, in conflict with another or cannot work here.
        """
        self.context = context
        self.methods = find_methods(context.methods)
        for method in self.methods:
            reason = method.why_not(context)
            if reason is not None:
                raise RefusedError(reason)

    @cached_property
    def space(self) -> Space:
        """The choices of every parameter, in the order of the prototype's grid."""
        return {
            name: choices
            for method in self.methods
            for name, choices in method.space(self.context).items()
        }

    @property
    def default(self) -> dict[str, Value]:
        """The canonical point of the defaults."""
        return self.canonical({name: choices.default for name, choices in self.space.items()})

    @property
    def points(self) -> list[dict[str, Value]]:
        """The distinct canonical points, in the order of the grid, its last parameter fastest.

        What leaves nothing out is none of them: it would be the plain pipe.
        """
        return [
            dict(point)
            for key, point in self._points.items()
            if not self.methods or any(any(shares) for _, shares in key)
        ]

    @property
    def grid_size(self) -> int:
        """How many parameter sets the full grid has, equal ones counted each."""
        return prod(len(choices.values) for choices in self.space.values())

    def canonical(self, params: Params) -> dict[str, Value]:
        """Name a parameter set by the first one of the grid that does the same.

        A set that does what none of the grid does stands for itself.

        Args:
            params: A value for every parameter of the stack's space.

        Raises:
            RefusedError: If a parameter is missing or unknown, or its value cannot work.
        """
        given = self._read(params)
        return dict(self._points.get(_key(self._skipped(given)), given))

    def skipped(self, params: Params) -> Skipped:
        """Tell what a parameter set leaves out, as `Method.skipped` does.

        Args:
            params: A value for every parameter of the stack's space.

        Raises:
            RefusedError: If a parameter is missing or unknown, or its value cannot work.
        """
        return self._skipped(self._read(params))

    @contextmanager
    def applied(self, pipe: Any, params: Params) -> Iterator[Generate]:
        """Accelerate a pipe; on leaving, also by an exception, it is exactly what it was.

        Args:
            pipe: The diffusers pipeline.
            params: A value for every parameter of the stack's space.

        Yields:
            The call that generates; it takes what the pipe's own call takes.

        Raises:
            RefusedError: If the pipe is accelerated already, or a value cannot work.
        """
        given = self._read(params)
        self._skipped(given)
        # Pipes may share a denoiser, and that is what the methods patch.
        denoiser = find_denoiser(pipe)
        if hasattr(denoiser, _MARK):
            raise RefusedError("this pipe is accelerated already; leave that stack first")
        with restored(pipe):
            setattr(denoiser, _MARK, True)
            generate: Generate = pipe
            for method in _applied_ones(self.methods):
                generate = method.apply(pipe, given, self.context, generate)
            yield generate

    @cached_property
    def _points(self) -> dict[_Key, dict[str, Value]]:
        points: dict[_Key, dict[str, Value]] = {}
        for values in product(*(choices.values for choices in self.space.values())):
            point = dict(zip(self.space, values, strict=True))
            points.setdefault(_key(self._skipped(point)), point)
        return points

    def _read(self, params: Params) -> dict[str, Value]:
        """Check names and numbers, and write equal numbers alike."""
        if params.keys() != self.space.keys():
            raise RefusedError(
                f"a point of this stack has the parameters {', '.join(self.space) or 'none'}; "
                f"these were given: {', '.join(params) or 'none'}"
            )
        return {
            name: _read_value(name, params[name], choices) for name, choices in self.space.items()
        }

    def _skipped(self, params: Params) -> Skipped:
        return {
            name: shares
            for method in self.methods
            for name, shares in method.skipped(params, self.context).items()
        }


def _key(skipped: Skipped) -> _Key:
    """Equal for sets that skip the same, and only for them."""
    return tuple(skipped.items())


def _applied_ones(methods: tuple[Method, ...]) -> list[Method]:
    """Those of a stack's methods that no other one of them applies itself."""
    absorbed = frozenset[str]().union(*(method.absorbs for method in methods))
    return [method for method in methods if method.name not in absorbed]


def _read_value(name: str, value: Value, choices: Choices) -> Value:
    kind = type(choices.default)
    number = isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
    if not number or value < choices.least or kind(value) != value:
        raise RefusedError(
            f"{name} must be a {'whole ' if kind is int else ''}number from {choices.least:g} on, "
            f"not {shown(value)}"
        )
    return kind(value)


def point_key(point: Params) -> str:
    """Write a point as text, as in `cache_interval=3 cache_branch_id=0`.

    Args:
        point: A point as `Stack.canonical` gives it; equal points have equal text, and only they.
    """
    return " ".join(f"{name}={value:.15g}" for name, value in point.items())
