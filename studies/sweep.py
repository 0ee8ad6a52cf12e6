"""Sweeps: the studies of one file, as the cross product of its lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TypeVar

from accel_space.applying import find_methods
from accel_space.calibration.learning import learners
from accel_space.errors import RefusedError
from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.schedulers import scheduler_name
from studies.planning.metrics import kept_metrics
from studies.planning.stacks import make_stack
from studies.request import StudyRequest
from studies.sweep_file import Exclusion, Sweep

Item = TypeVar("Item")

MOST_STUDIES = 2_000
"""The most studies of one file. Listing one takes part of a second, running it takes minutes."""


@dataclass(frozen=True)
class Listed:
    """One study of a sweep, as a dry run lists it.

    Attributes:
        label: `<pipeline>--<scheduler>--<steps>--<methods joined by +>`.
        request: The study.
        points: Distinct points of its space; 0 if it is refused.
        grid: Parameter sets of the full grid.
        refused: Why the combination cannot work; None if it can.
        estimated: Whether `points` is an estimate, exact only once the study has begun.
    """

    label: str
    request: StudyRequest
    points: int
    grid: int
    refused: str | None
    estimated: bool = False


def make_requests(sweep: Sweep, folder: Path, device: str = "auto") -> list[StudyRequest]:
    """Make the requests for all studies of a sweep.

    Studies of one pipeline follow one another, so that the pipeline is loaded once. A method set
    comes after its subsets, so that its study starts from their best points.

    Args:
        sweep: The sweep.
        folder: The folder of the sweep file; relative paths start there.
        device: Where to measure, as `--device` takes it.

    Raises:
        InputError: If a name is unknown, the cross is too large, or the exclusions leave nothing.
        RefusedError: If a method is unknown, or two of a set are in conflict.
    """
    pipelines = _unique(find_pipeline(name).name for name in sweep.pipelines)
    schedulers = _unique(scheduler_name(name) for name in sweep.schedulers)
    method_sets = sorted(_unique(_stacked(names) for names in sweep.methods), key=len)
    models = {find_pipeline(name).name: model for name, model in sweep.models.items()}
    prompts, steps = sweep.protocol.prompts, _unique(sweep.steps)
    size = len(pipelines) * len(schedulers) * len(steps) * len(method_sets)
    if size > MOST_STUDIES:
        raise InputError(
            f"the sweep has {size:,} studies, and a file may have {MOST_STUDIES:,}; shorten its "
            "lists, or split it into several files"
        )
    loss_budget, conditions = sweep.limits()
    generation = sweep.protocol.settings(folder)
    generation.find_loras()
    requests = [
        StudyRequest(
            pipeline=pipeline,
            scheduler=scheduler,
            steps=step_count,
            methods=methods,
            trials=sweep.trials,
            num_samples=sweep.protocol.num_samples,
            batch_size=sweep.protocol.batch_size,
            seed=sweep.protocol.seed,
            sampler=sweep.sampler,
            prompts=None if prompts is None else folder / prompts,
            model=_located(models.get(pipeline), folder),
            scorer=_located(sweep.protocol.scorer, folder),
            generation=generation,
            metrics=tuple(sweep.protocol.metrics),
            weights={name: folder / file for name, file in sweep.protocol.weights.items()},
            loss=sweep.protocol.loss,
            device=device,
            loss_budget=loss_budget,
            conditions=conditions,
            budget_use="begin",
        )
        for pipeline, scheduler, step_count, methods in product(
            pipelines, schedulers, steps, method_sets
        )
    ]
    kept = [each for each in requests if not any(_matches(each, x) for x in sweep.exclude)]
    if not kept:
        raise InputError("the sweep is empty: `exclude` leaves out every study")
    # All studies use the same metrics.
    kept_metrics(kept[0])
    return kept


def list_study(request: StudyRequest) -> Listed:
    """Count the points of a study, from the configurations of the catalogue's model only."""
    entry = find_pipeline(request.pipeline)
    try:
        # What `auto` finds on workers elsewhere is not known here.
        kind = "cpu" if request.device == "cpu" else "cuda"
        stack = make_stack(request, entry, entry.architecture, kind)
    except (InputError, RefusedError) as error:
        return Listed(label(request), request, 0, 0, str(error))
    points, grid, estimated = len(stack.points), stack.grid_size, bool(learners(stack))
    return Listed(label(request), request, points, grid, None, estimated)


def label(request: StudyRequest) -> str:
    """Return a study's name without the digest of protocol and device."""
    return request.combination.name


def _stacked(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(method.name for method in find_methods(names))


def _unique(values: Iterable[Item]) -> list[Item]:
    return list(dict.fromkeys(values))


def _located(source: str | None, folder: Path) -> str | None:
    """Resolve a path against the sweep file; a text that is no file is an address or a name."""
    if source is not None and (folder / source).exists():
        return str(folder / source)
    return source


def _matches(request: StudyRequest, exclusion: Exclusion) -> bool:
    return (
        (
            exclusion.pipelines is None
            or request.pipeline in {find_pipeline(name).name for name in exclusion.pipelines}
        )
        and (
            exclusion.schedulers is None
            or request.scheduler in {scheduler_name(name) for name in exclusion.schedulers}
        )
        and (exclusion.steps is None or request.steps in exclusion.steps)
        and (
            exclusion.methods is None
            or request.methods in {_stacked(names) for names in exclusion.methods}
        )
    )
