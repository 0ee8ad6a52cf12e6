"""Warm start: what the studies of a stack's parts found says where to begin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from accel_space.stack import Stack, point_key
from storage.front import pareto_front
from storage.records import Point, TrialRecord, find_study
from storage.store import Store
from studies.plan import DEFAULT_LOSS_BUDGET, Plan

MOST = 4
"""Points taken over; the rest of the first design still covers the space."""


@dataclass(frozen=True)
class _Guess:
    """A point of the stack with what its parts promise of it."""

    params: Point
    speedup: float
    clip_loss: float


def warm_points(plan: Plan, store: Store) -> list[Point]:
    """Points of a stack that join the best ones of its parts, the most promising first.

    Speedups are taken to multiply and losses to add up, which is wrong in detail and right enough
    to begin with. Only studies of the same combination, protocol and device count.

    Args:
        plan: The study that is to start; of a lone method there are no parts.
        store: Where the parts' studies are.
    """
    methods = plan.combination["methods"]
    if len(methods) < 2:
        return []
    parts = [find_study(store, plan.study_name_of([method])) for method in methods]
    fronts = [part.front for part in parts if part is not None]
    if len(fronts) < len(methods):
        return []
    front = pareto_front(list(_join(plan.stack, fronts)))
    budget = DEFAULT_LOSS_BUDGET if plan.request.loss_budget is None else plan.request.loss_budget
    inside = [guess for guess in front if guess.clip_loss <= budget]
    return [guess.params for guess in (inside or front[::-1])[:MOST]]


def _join(stack: Stack, fronts: Sequence[Sequence[TrialRecord]]) -> Iterable[_Guess]:
    """Every choice of one point a part, as points of the stack, each once."""
    seen: set[str] = set()
    for trials in product(*fronts):
        params = {
            # A stack may leave a parameter no choice that its method alone has.
            name: value if value in stack.space[name].values else stack.space[name].default
            for trial in trials
            for name, value in trial.params.items()
        }
        point = stack.canonical(params)
        if (key := point_key(point)) not in seen:
            seen.add(key)
            yield _Guess(
                point,
                prod(trial.speedup for trial in trials),
                sum(trial.clip_loss for trial in trials),
            )
