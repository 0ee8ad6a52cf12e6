"""Stacks: methods applied together, their common space and its distinct points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from inspect import signature
from itertools import product
from math import isfinite, prod
from numbers import Real
from typing import Any

from accel_space.alternatives import alternatives
from accel_space.applying import accelerate_arguments, applied_methods, find_methods, own_params
from accel_space.calibration.hits import Hits
from accel_space.errors import RefusedError
from accel_space.handed_over.installing import install, is_accelerated, mark, plain_call, restored
from accel_space.method import Choices, Context, Generate, Method, Params, Space, Value
from accel_space.schedule import StackSchedule
from storage.foreign import shown
from storage.records.points import by_short_names


class Stack:
    """The methods of one combination, in one context. A stack of no methods is the plain pipe.

    Attributes:
        context: Where the methods work.
        methods: The methods, in the order in which they are applied.
        space: The choices of every parameter, in the order of the prototype's grid.

    A stack returns parameters as `method.parameter`. It also takes a parameter's name alone if only
    one method has it.
    """

    def __init__(self, context: Context) -> None:
        """Check that the context's methods can work together in it.

        Raises:
            RefusedError: If a method is unknown, in conflict with another or cannot work here.
        """
        self.methods = find_methods(context.methods)
        self.context = context = replace(
            context,
            lossless_methods=frozenset(each.name for each in self.methods if each.is_lossless),
            halved_methods=frozenset(each.name for each in self.methods if each.halve),
        )
        for method in self.methods:
            reason = method.why_not(context)
            if reason is not None:
                raise RefusedError(reason if ";" in reason else reason + alternatives(context))
        space: Space = {
            f"{method.name}.{name}": choices
            for method in self.methods
            for name, choices in method.space(context).items()
        }
        self._off = _switched_off(self.methods, context)
        for name, value in self._off.items():
            values = tuple(sorted({*space[name].values, value}))
            space[name] = replace(space[name], values=values)
        self.space = space
        self._matters = {method.name: self._that_matter(method) for method in self.methods}
        self._told: dict[tuple[object, ...], StackSchedule] = {}
        self._short_names = by_short_names({name: name for name in space})

    @property
    def default(self) -> dict[str, Value]:
        """The canonical point of the defaults."""
        return self.canonical({name: choices.default for name, choices in self.space.items()})

    @property
    def lossless_default(self) -> dict[str, Value] | None:
        """The lossless methods' defaults with the others off; None unless there are both kinds."""
        if not self._off:
            return None
        return self.canonical(self.default | self._off)

    @property
    def points(self) -> list[dict[str, Value]]:
        """The distinct canonical points, in the order of the grid, its last parameter fastest.

        A point that changes nothing is not among them: it would be the plain pipe.
        """
        return [
            dict(point)
            for point, schedule in self._points.values()
            if not (self.methods and schedule.is_plain)
        ]

    @property
    def grid_size(self) -> int:
        """The number of parameter sets in the full grid, duplicates included."""
        return prod(len(choices.values) for choices in self.space.values())

    def canonical(self, params: Params) -> dict[str, Value]:
        """Return the first parameter set of the grid that does the same as this one.

        A set without such an equal in the grid stands for itself.

        Args:
            params: A value for every parameter of the stack's space.

        Raises:
            RefusedError: If a parameter is missing or unknown, or its value cannot work.
        """
        given = self.read(params)
        schedule = self._schedule(given)
        point, _ = self._points.get(schedule.key, (given, schedule))
        return dict(point)

    def schedule(self, params: Params) -> StackSchedule:
        """Say what a parameter set changes, as `Method.schedule` does.

        Args:
            params: A value for every parameter of the stack's space.

        Raises:
            RefusedError: If a parameter is missing or unknown, or its value cannot work.
        """
        return self._schedule(self.read(params))

    def context_of(self, method: Method, params: Params) -> Context:
        """The context in which a method works, given the other methods of the stack."""
        context = self.context
        for other in self.methods:
            if other is not method:
                context = other.narrowed(own_params(other, params), context)
        return context

    @contextmanager
    def applied(
        self,
        pipe: Any,
        params: Params,
        hits: Hits | None = None,
        captures: dict[Any, Any] | None = None,
    ) -> Iterator[Generate]:
        """Accelerate a pipe, and restore it exactly on leaving, even by an exception.

        Args:
            pipe: The diffusers pipeline.
            params: A value for every parameter of the stack's space.
            hits: Counts the hits of dynamic caches; None counts none.
            captures: Holds the captured denoiser calls of this point and pipe, for its next
                application; new captures are added. None frees them on leaving.

        Yields:
            The call that generates, with the arguments of the pipe's own call.

        Raises:
            RefusedError: If the pipe is accelerated already, or a value cannot work.
        """
        given, active = self._active(pipe, params)
        captured: dict[Any, Any] = {} if captures is None else captures
        with restored(pipe):
            generate = self._accelerate(pipe, plain_call(pipe), given, active, captured)
            if hits is not None:
                hits.count(active, self.context.family.denoiser_of(pipe))
            try:
                yield generate
            finally:
                if captures is None:
                    captured.clear()

    def install(
        self, pipe: Any, params: Params, around: Callable[[Generate], Generate] | None = None
    ) -> Callable[[], None]:
        """Accelerate a pipe so that whoever calls it from now on runs the accelerated call.

        Args:
            pipe: As for `applied`.
            params: As for `applied`.
            around: Wraps the accelerated call before it is installed; None leaves it as it is.

        Returns:
            A function that restores the pipe exactly; a second call does nothing.

        Raises:
            RefusedError: As `applied` does.
        """
        given, active = self._active(pipe, params)
        captured: dict[Any, Any] = {}

        def accelerate(pipe: Any, call: Generate) -> Generate:
            call = self._accelerate(pipe, call, given, active, captured)
            return call if around is None else around(call)

        restore = install(pipe, accelerate)

        def undo() -> None:
            restore()
            captured.clear()

        return undo

    def _active(self, pipe: Any, params: Params) -> tuple[dict[str, Value], list[Method]]:
        """Check a pipe and a point; return the full point and the methods that change something."""
        given = self.read(params)
        idle = self._schedule(given).idle_methods
        active = [method for method in self.methods if method.name not in idle]
        if is_accelerated(pipe, self.context.family.denoiser_of(pipe)):
            raise RefusedError("this pipe is accelerated already; leave or undo that first")
        for method in active:
            if reason := method.why_not_pipe(pipe):
                raise RefusedError(reason)
        return given, active

    def _accelerate(
        self,
        pipe: Any,
        generate: Generate,
        given: Params,
        active: Sequence[Method],
        captures: dict[Any, Any],
    ) -> Generate:
        """Apply the methods to a pipe, one over the other, without restoring it."""
        mark(self.context.family.denoiser_of(pipe))
        for method in applied_methods(active):
            steps, family = self.context.steps, self.context.family
            arguments = accelerate_arguments(
                method, active, given, steps, family, self.context.learned
            )
            if "captures" in signature(method.accelerate).parameters:
                arguments["captures"] = captures
            generate = method.accelerate(pipe, generate, **arguments)
        return generate

    @cached_property
    def _points(self) -> dict[tuple[object, ...], tuple[dict[str, Value], StackSchedule]]:
        points: dict[tuple[object, ...], tuple[dict[str, Value], StackSchedule]] = {}
        for values in product(*(choices.values for choices in self.space.values())):
            point = dict(zip(self.space, values, strict=True))
            schedule = self._schedule(point)
            points.setdefault(schedule.key, (point, schedule))
        return points

    def _that_matter(self, method: Method) -> list[str]:
        """The parameters that a method's schedule depends on: its own, and those that narrow it."""
        owners = {
            other.name
            for other in self.methods
            if other is method or type(other).narrowed is not Method.narrowed
        }
        return [name for name in self.space if name.partition(".")[0] in owners]

    def read(self, params: Params) -> dict[str, Value]:
        """Check names and numbers; return full names, and equal numbers in one form.

        Raises:
            RefusedError: If a parameter is missing or unknown, or its value cannot work.
        """
        short = self._short_names
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
        return StackSchedule.joined([self._schedule_of(method, params) for method in self.methods])

    def _schedule_of(self, method: Method, params: Params) -> StackSchedule:
        """Ask a method once: a grid repeats its schedules with every value of the others."""
        key = (method.name, *(params[name] for name in self._matters[method.name]))
        if key not in self._told:
            schedule = method.schedule(own_params(method, params), self.context_of(method, params))
            self._told[key] = StackSchedule.of(method.name, schedule, self.context.calls)
        return self._told[key]


def _switched_off(methods: Sequence[Method], context: Context) -> dict[str, Value]:
    """The values that switch all lossy methods off; empty if that leaves no lossless method."""
    lossy = [method for method in methods if not method.is_lossless]
    values = [method.off(context) for method in lossy]
    if len(lossy) == len(methods) or None in values:
        return {}
    return {
        f"{method.name}.{name}": value
        for method, own in zip(lossy, values, strict=True)
        for name, value in (own or {}).items()
    }


def _read_value(name: str, value: Value, choices: Choices) -> Value:
    kind = type(choices.default)
    number = isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
    if not number or value < choices.least or kind(value) != value:
        raise RefusedError(
            f"{name} must be a {'whole ' if kind is int else ''}number from {choices.least:g} on, "
            f"not {shown(value)}"
        )
    return kind(value)
