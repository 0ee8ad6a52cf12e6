"""Which methods of a stack are applied, in which order, and with which arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from graphlib import TopologicalSorter
from inspect import Parameter, signature
from typing import Any

from accel_space.errors import RefusedError
from accel_space.family import Family
from accel_space.method import Learned, Method, Params, Value
from accel_space.methods import METHODS
from storage.foreign import shown
from storage.spelling import likely, suggested


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
        names = f"the methods are {', '.join(METHODS)}"
        hint = suggested(likely(unknown[0], METHODS), names)
        raise RefusedError(f"unknown method {shown(unknown[0])}; {hint}")
    for name in sorted(wanted):
        for other, reason in METHODS[name].conflicts.items():
            if other in wanted:
                raise RefusedError(
                    f"{name} and {other} cannot be used together: {reason}; leave one of them out"
                )
    _refuse_undecided([METHODS[name] for name in sorted(wanted)])
    before = {name: sorted(_earlier(METHODS[name]) & wanted) for name in sorted(wanted)}
    return tuple(METHODS[name] for name in TopologicalSorter(before).static_order())


def _refuse_undecided(methods: Sequence[Method]) -> None:
    """Refuse a method that must know all beforehand together with one that decides at run time."""
    for method in methods:
        for other in methods:
            if method.static_only and other.has_hit is not None:
                raise RefusedError(
                    f"{method.name} and {other.name} cannot be used together: "
                    f"{method.static_only}; leave one of them out"
                )


def _earlier(method: Method) -> frozenset[str]:
    """Name the methods applied before one: those it names, and those whose caches it halves."""
    if method.place == "first":
        return frozenset()
    first = {name for name, other in METHODS.items() if other.place == "first"}
    if method.place == "last":
        return frozenset(METHODS) - {method.name}
    if "halvers" in signature(method.accelerate).parameters:
        first |= {name for name, other in METHODS.items() if other.halve is not None}
    return method.after | first


def applied_methods(methods: Iterable[Method]) -> list[Method]:
    """Leave out the methods that another method of the stack applies itself."""
    given = list(methods)
    included = frozenset[str]().union(*(method.includes for method in given))
    return [method for method in given if method.name not in included]


def accelerate_arguments(
    method: Method,
    methods: Iterable[Method],
    params: Params,
    steps: int,
    family: Family,
    learned: Mapping[str, Learned],
) -> dict[str, Any]:
    """Collect the keyword arguments of a method's `accelerate`, by the names in its signature.

    Args:
        method: The method.
        methods: All methods of its stack that are applied.
        params: A point of the stack.
        steps: num_inference_steps.
        family: The pipeline's.
        learned: As in `Context`.

    Raises:
        RefusedError: If a parameter is missing.
    """
    known = {
        **asdict(family),
        **own_params(method, params),
        "steps": steps,
        "halvers": [each.halve for each in methods if each.halve is not None],
        "generators": [each.generators for each in methods if each.generators is not None],
    }
    if method.learns:
        known[method.learns] = learned.get(method.name) or method.assumed(steps)
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


def held_settings(methods: Iterable[Method], family: Family) -> dict[str, str]:
    """Map the keywords of a call that must stay as measured to the reasons why.

    Args:
        methods: The methods that are applied.
        family: The pipeline's.
    """
    keywords = {"guidance_scale": family.guidance_keyword}
    return {
        keywords.get(name, name): why for method in methods for name, why in method.holds.items()
    }


def own_params(method: Method, params: Params) -> dict[str, Value]:
    """The parameters in a stack's point that belong to a method, under the library's names."""
    parts = ((name.partition("."), value) for name, value in params.items())
    return {own: value for (owner, _, own), value in parts if owner == method.name}
