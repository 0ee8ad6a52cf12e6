"""Stacks: methods applied together, their common space and its distinct points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from graphlib import TopologicalSorter
from inspect import Parameter, signature
from itertools import product
from math import isfinite, prod
from numbers import Real
from typing import Any

from accel_space.alternatives import alternatives
from accel_space.errors import RefusedError
from accel_space.family import Family
from accel_space.hits import Hits
from accel_space.method import (
    Choices,
    Context,
    Generate,
    Method,
    Params,
    Space,
    Value,
)
from accel_space.methods import METHODS
from accel_space.restore import restored
from accel_space.schedule import StackSchedule
from storage.foreign import shown
from storage.records.points import by_short_names

_MARK = "_accelfront_stack"


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
    before = {name: sorted(_earlier(METHODS[name]) & wanted) for name in sorted(wanted)}
    return tuple(METHODS[name] for name in TopologicalSorter(before).static_order())


def _earlier(method: Method) -> frozenset[str]:
    """Methods that are applied before one: what it names, and whose caches it is to halve."""
    if "halvers" not in signature(method.accelerate).parameters:
        return method.after
    return method.after | {name for name, other in METHODS.items() if other.halve is not None}


def applied_methods(methods: Iterable[Method]) -> list[Method]:
    """Those of a stack's methods that no other one of them applies itself."""
    given = list(methods)
    included = frozenset[str]().union(*(method.includes for method in given))
    return [method for method in given if method.name not in included]


def accelerate_arguments(
    method: Method, methods: Iterable[Method], params: Params, steps: int, family: Family
) -> dict[str, Any]:
    """What a method's `accelerate` is given by keyword, chosen by the names that it takes.

    Args:
        method: The method.
        methods: All methods of its stack.
        params: A point of the stack.
        steps: num_inference_steps.
        family: The pipeline's.

    Raises:
        RefusedError: If a parameter is missing.
    """
    known = {
        **asdict(family),
        **own_params(method, params),
        "steps": steps,
        "halvers": [each.halve for each in methods if each.halve is not None],
    }
    for other in methods:
        if other.name in method.includes:
            known |= own_params(other, params)
    arguments = {}
    for name, parameter in signature(method.accelerate).parameters.items():
        if parameter.kind is not Parameter.KEYWORD_ONLY:
            continue
        if name in known:
            arguments[name] = known[name]
        elif parameter.default is Parameter.empty:
            raise RefusedError(f"{method.name} needs a value of {name}, and the point has none")
    return arguments


def own_params(method: Method, params: Params) -> dict[str, Value]:
    """The part of a stack's point that is a method's, under the library's names."""
    parts = ((name.partition("."), value) for name, value in params.items())
    return {own: value for (owner, _, own), value in parts if owner == method.name}


class Stack:
    """The methods of one combination, in one context. A stack of no methods is the plain pipe.

    Attributes:
        context: Where they work.
        methods: In the order in which they are applied.
        space: The choices of every parameter, in the order of the prototype's grid.

    Parameters are `method.parameter` in what a stack returns; it takes a parameter's name alone as
    well where one method has it.
    """

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
                raise RefusedError(reason if ";" in reason else reason + alternatives(context))
        self.space: Space = {
            f"{method.name}.{name}": choices
            for method in self.methods
            for name, choices in method.space(context).items()
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
            for point, schedule in self._points.values()
            if not (self.methods and schedule.is_plain)
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
        schedule = self._schedule(given)
        point, _ = self._points.get(schedule.key, (given, schedule))
        return dict(point)

    def schedule(self, params: Params) -> StackSchedule:
        """Tell what a parameter set changes, as `Method.schedule` does.

        Args:
            params: A value for every parameter of the stack's space.

        Raises:
            RefusedError: If a parameter is missing or unknown, or its value cannot work.
        """
        return self._schedule(self._read(params))

    def context_of(self, method: Method, params: Params) -> Context:
        """The context in which the others of the stack make a method work."""
        context = self.context
        for other in self.methods:
            if other is not method:
                context = other.narrowed(own_params(other, params), context)
        return context

    @contextmanager
    def applied(self, pipe: Any, params: Params, hits: Hits | None = None) -> Iterator[Generate]:
        """Accelerate a pipe; on leaving, also by an exception, it is exactly what it was.

        Args:
            pipe: The diffusers pipeline.
            params: A value for every parameter of the stack's space.
            hits: Counts the hits of dynamic caches; None counts none.

        Yields:
            The call that generates; it takes what the pipe's own call takes.

        Raises:
            RefusedError: If the pipe is accelerated already, or a value cannot work.
        """
        given = self._read(params)
        self._schedule(given)
        # Pipes may share a denoiser, and that is what the methods patch.
        denoiser = self.context.family.denoiser_of(pipe)
        if hasattr(denoiser, _MARK):
            raise RefusedError("this pipe is accelerated already; leave that stack first")
        for method in self.methods:
            if reason := method.why_not_pipe(pipe):
                raise RefusedError(reason)
        with restored(pipe):
            setattr(denoiser, _MARK, True)
            generate: Generate = pipe
            for method in applied_methods(self.methods):
                arguments = accelerate_arguments(
                    method, self.methods, given, self.context.steps, self.context.family
                )
                generate = method.accelerate(pipe, generate, **arguments)
            if hits is not None:
                hits.count(self.methods, denoiser)
            yield generate

    @cached_property
    def _points(self) -> dict[tuple[object, ...], tuple[dict[str, Value], StackSchedule]]:
        points: dict[tuple[object, ...], tuple[dict[str, Value], StackSchedule]] = {}
        for values in product(*(choices.values for choices in self.space.values())):
            point = dict(zip(self.space, values, strict=True))
            schedule = self._schedule(point)
            points.setdefault(schedule.key, (point, schedule))
        return points

    def _read(self, params: Params) -> dict[str, Value]:
        """Check names and numbers, and write equal numbers alike."""
        short = by_short_names({name: name for name in self.space})
        given = {short.get(name, name): value for name, value in params.items()}
        if given.keys() != self.space.keys() or len(given) < len(params):
            raise RefusedError(
                f"a point of this stack has the parameters {', '.join(short) or 'none'}; "
                f"these were given: {', '.join(by_short_names(params)) or 'none'}"
            )
        return {
            name: _read_value(shown_name, given[name], self.space[name])
            for shown_name, name in short.items()
        }

    def _schedule(self, params: Params) -> StackSchedule:
        schedules = {
            method.name: method.schedule(
                own_params(method, params), self.context_of(method, params)
            )
            for method in self.methods
        }
        return StackSchedule.of(schedules, self.context.calls)


def _read_value(name: str, value: Value, choices: Choices) -> Value:
    kind = type(choices.default)
    number = isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
    if not number or value < choices.least or kind(value) != value:
        raise RefusedError(
            f"{name} must be a {'whole ' if kind is int else ''}number from {choices.least:g} on, "
            f"not {shown(value)}"
        )
    return kind(value)
