"""Warm start: studies of a stack's parts, or its neighbours, suggest where to begin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from accel_space.stack import Stack
from storage.database.opening import Store
from storage.reading.studies import find_study, study_names
from storage.records.combination import StudyName
from storage.records.front import pareto_front
from storage.records.points import point_key
from storage.records.trial import Point, Trial
from studies.budgets import default_budget
from studies.plan import Plan

MOST = 4
"""Most points taken over; the rest of the first design still covers the space."""


@dataclass(frozen=True)
class _Guess:
    """A point of the stack with the results that its parts promise."""

    params: Point
    speedup: float
    loss: float


def warm_points(plan: Plan, store: Store) -> list[Point]:
    """Suggest where to begin: points that join the parts' best ones, or else the neighbours' best.

    Only studies of the same pipeline, protocol and device count.

    Args:
        plan: The study that is to start.
        store: Holds other studies.
    """
    return _from_parts(plan, store) or _from_neighbour(plan, store)


def _from_parts(plan: Plan, store: Store) -> list[Point]:
    """Points that join the fronts of a stack's parts, the most promising first.

    Speedups are assumed to multiply and losses to add up, which is wrong in detail but good enough
    to begin with. Parts have the same scheduler and steps; a lone method has none. A lossless
    method needs no study: it gets its defaults, and the loss is that of the others.
    """
    methods = plan.combination.methods
    if len(methods) < 2:
        return []
    lossy = [name for name in methods if name not in plan.stack.context.lossless_methods]
    parts = [find_study(store, plan.study_name_with(method)) for method in lossy]
    fronts = [part.front for part in parts if part is not None]
    if not fronts or len(fronts) < len(lossy):
        return []
    front = pareto_front(list(_join(plan.stack, fronts)))
    budget = plan.request.loss_budget
    if budget is None:
        budget = default_budget(plan.protocol.loss)
    inside = [guess for guess in front if budget is not None and guess.loss <= budget]
    return [guess.params for guess in (inside or front[::-1])[:MOST]]


def _from_neighbour(plan: Plan, store: Store) -> list[Point]:
    """The fastest points that lose little in the study with the nearest number of steps.

    It may use another scheduler. The effect of its parameters here is only nearly the same.
    """
    own = plan.combination

    def is_alike(other: StudyName) -> bool:
        found = other.combination
        return (
            found is not None
            and (found.pipeline, found.methods) == (own.pipeline, own.methods)
            and other.digest in plan.digests
        )

    def distance(name: str) -> tuple[int, bool]:
        other = StudyName.read(name).combination or own
        return abs(other.steps - own.steps), other.scheduler != own.scheduler

    names = [name for name in study_names(store) if is_alike(StudyName.read(name))]
    for name in sorted(names, key=distance):
        study = find_study(store, name)
        if name == plan.study_name or study is None or not study.trials:
            continue
        inside = [trial for trial in study.front if trial.judged_loss <= study.loss_budget]
        points = (_nearest(plan.stack, trial.params) for trial in inside or study.front[::-1])
        return list({point_key(point): point for point in points}.values())[:MOST]
    return []


def _nearest(stack: Stack, params: Point) -> Point:
    """The point of a stack whose values are nearest to the given ones."""
    return stack.canonical(
        {name: choices.nearest(params[name]) for name, choices in stack.space.items()}
    )


def _join(stack: Stack, fronts: Sequence[Sequence[Trial]]) -> Iterable[_Guess]:
    """Every choice of one point per part, as points of the stack, each once."""
    seen: set[str] = set()
    for trials in product(*fronts):
        params = stack.default | {
            # A stack may leave a parameter no choice that its method alone has, or learn others.
            name: stack.space[name].nearest(value)
            for trial in trials
            for name, value in trial.params.items()
        }
        point = stack.canonical(params)
        if (key := point_key(point)) not in seen:
            seen.add(key)
            yield _Guess(
                point,
                prod(trial.judged_speedup for trial in trials),
                sum(trial.judged_loss for trial in trials),
            )
