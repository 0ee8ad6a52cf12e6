"""Imported points: checked when a file is imported, and measured first when a study starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from accel_space.applying import find_methods
from accel_space.calibration.learning import learners
from accel_space.errors import RefusedError
from accel_space.method import Params
from accel_space.stack import Stack
from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.schedulers import scheduler_name
from storage.database.imported_points import read_imported_points
from storage.database.opening import Store
from storage.foreign import plain
from storage.reading.prototype import Entry
from storage.records.combination import Combination
from storage.records.points import by_short_names, by_whole_names, point_text
from storage.records.trial import Point
from studies.plan import Plan
from studies.planning.stacks import make_stack
from studies.request import StudyRequest


@dataclass
class Batch:
    """The contents of a file for one combination.

    Attributes:
        combination: The combination of the points.
        stack: The methods, on the architecture of the catalogue's own model.
        points: The points, each once.
        entries: How many entries name them.
    """

    combination: Combination
    stack: Stack
    points: list[Point] = field(default_factory=list)
    entries: int = 0


def sort_entries(entries: Sequence[Entry]) -> tuple[list[Batch], list[str]]:
    """Check a file's entries against the spaces of their combinations; no model is needed.

    Args:
        entries: The result of `read_search_params`.

    Returns:
        The usable points by combination, and for each other entry a line that says why.
    """
    batches: dict[Combination, Batch] = {}
    problems = []
    for entry in entries:
        try:
            combination = _combination(entry)
            if combination not in batches:
                batches[combination] = Batch(combination, _stack(entry))
            batch = batches[combination]
            point = _point_to_keep(batch.stack, entry.params)
        except (InputError, RefusedError) as error:
            problems.append(f"{plain(entry.key)}: {error}")
            continue
        batch.entries += 1
        if point not in batch.points:
            batch.points.append(point)
    return [batch for batch in batches.values() if batch.points], problems


def imported_points(plan: Plan, store: Store) -> list[Point]:
    """Select the points kept for the plan's combination that are in its study's space.

    They were checked when they were imported, for the catalogue's own model and picture size. A
    point that does not fit this plan, such as one for larger pictures, is left out. If a method
    learns which values are worth trying, the nearest of them is used.
    """
    points = []
    for kept in read_imported_points(store.engine, plan.combination):
        try:
            point = point_in_space(plan.stack, _with_nearest(plan.stack, kept))
        except RefusedError:
            continue
        # Two values may have the same nearest one.
        if point not in points:
            points.append(point)
    return points


def point_in_space(stack: Stack, params: Params) -> Point:
    """Find the point of a study's space that computes the same as the given parameters.

    Raises:
        RefusedError: If a parameter is missing or unknown, its value cannot work, or no point of
            the space computes this.
    """
    point = stack.canonical(by_whole_names(params))
    if point not in stack.points:
        choices = "; ".join(
            f"{name} {', '.join(f'{value:g}' for value in choices.values)}"
            for name, choices in by_short_names(stack.space).items()
        )
        raise RefusedError(f"{point_text(point)} is outside the study's space, which is {choices}")
    return point


def _point_to_keep(stack: Stack, params: Params) -> Point:
    """The point to keep for an entry.

    If a method learns, that is the entry as it stands: the effect of its values, and which of
    them are worth trying, is only known in a study.

    Raises:
        RefusedError: As in `point_in_space`; a value that a study learns may be any that works.
    """
    point = point_in_space(stack, _with_nearest(stack, params))
    return stack.read(by_whole_names(params)) if learners(stack) else point


def _with_nearest(stack: Stack, params: Params) -> Point:
    """Replace the values that methods learn by their nearest choices.

    Raises:
        RefusedError: If a parameter is missing or unknown, or its value cannot work.
    """
    given = stack.read(by_whole_names(params))
    return {
        name: choices.nearest(given[name]) if choices.are_learned else given[name]
        for name, choices in stack.space.items()
    }


def _combination(entry: Entry) -> Combination:
    return Combination(
        pipeline=find_pipeline(entry.pipeline).name,
        scheduler=scheduler_name(entry.scheduler),
        steps=entry.steps,
        methods=tuple(method.name for method in find_methods(entry.methods)),
    )


def _stack(entry: Entry) -> Stack:
    pipeline = find_pipeline(entry.pipeline)
    request = StudyRequest(entry.pipeline, entry.scheduler, entry.steps, entry.methods, trials=1)
    return make_stack(request, pipeline, pipeline.architecture)
