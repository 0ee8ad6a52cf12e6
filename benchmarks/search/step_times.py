"""The time of every point of a space, from some that were timed with care.

Many processes at once can make a grid's pictures, but not its latencies: processes that share a
GPU wait for one another, and not equally at every point. So `benchmarks/tables/times` holds points
that one process alone has timed, several times each, and a fit to these estimates the
others: a picture takes the time of the work that is left. The fit only uses shares of calls,
so points timed at one number of steps give the speedup at every other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_space.method import Context
from accel_space.stack import Stack
from benchmarks.shared.grid_table import TABLES, GridTable, load_table
from benchmarks.shared.schedule_features import describe, work_shares
from objectives.pipelines.catalogue import find_pipeline
from storage.records.points import point_key
from studies.planning.stacks import make_stack
from studies.request import StudyRequest
from studies.search.features import time_features
from studies.search.front_model import Surrogate
from studies.search.front_sampler import spread_out

TIMES = TABLES / "times"

TIME_POINTS = (6, 12, 24)
"""Number of measured points that the model of time gets."""

Vector = NDArray[np.float64]

OUTLYING = 1.35
"""An error of more standard deviations counts linearly; by Huber, 95% efficient for normal ones."""

ROUNDS = 50

RIDGE = 3e-3
"""Penalty of a coefficient, in units of its column's spread, next to a point's squared relative
error. ToMe's token grids make 20 columns and more, and timing noise would become speed without it.
Errors at points left out of a tenfold fit are least from 1e-3 to 1e-2, and with few columns no
greater than without."""


FASTER = 2.0
"""No point counts as more than this many times as fast as the fastest timed one: with few timed
points, a fit may leave nothing of a picture's time."""


@dataclass(frozen=True)
class Times:
    """The timings of a method set, and the times derived from them.

    Attributes:
        table: The timed points.
        share: Time of every point of the given stack as a share of the baseline's, fitted.
        error: Median relative error of the fit at the timed points.
    """

    table: GridTable
    share: Vector
    error: float


def find_times(methods: str, pipeline: str, folder: Path = TIMES) -> Path | None:
    """The file of timed points for a method set, whatever the scheduler and steps."""
    found = sorted(folder.glob(f"{pipeline}--*--{methods}.npz"))
    return found[0] if found else None


def fit_times(timed: Stack, path: Path, stack: Stack) -> Times:
    """Fit the time of a stack's points to those of a file.

    Args:
        timed: The stack of the file's combination.
        path: A result of `find_times`.
        stack: The same methods, perhaps with another scheduler or number of steps.
    """
    table = load_table(path)
    places = {point_key(point): place for place, point in enumerate(timed.points)}
    rows = [places[key] for key in table.keys]
    columns = _columns(timed)
    share = (1 / table.speedup).astype(float)
    coefficients = _robust(columns[rows], share)
    error = np.abs(columns[rows] @ coefficients / share - 1)
    fitted = np.maximum(_columns(stack) @ coefficients, share.min() / FASTER)
    return Times(table, fitted, float(np.median(error)))


def describe_times(path: Path) -> dict[str, Any]:
    """How well a few points of a timed table predict the time of its others."""
    table = load_table(path)
    errors = {}
    for count in TIME_POINTS:
        error = time_errors(path, count)
        if error is not None:
            errors[str(count)] = [float(np.median(error)), float(np.quantile(error, 0.95))]
    return {
        "table": table.name,
        "points": len(table.points),
        "repeats": table.latency_s.shape[1],
        "device": table.about["environment"]["device"],
        "recorded": table.about["date"],
        "errors": errors,
    }


def time_errors(path: Path, count: int) -> NDArray[np.float64] | None:
    """Relative errors of speedups that some spread points of a timed table predict for others.

    Returns:
        None if the table has too few points for that.
    """
    table = load_table(path)
    if count > len(table.points) - 2:
        return None
    stack = Stack(table_context(table))
    places = {point_key(point): place for place, point in enumerate(stack.points)}
    features = time_features(stack)[[places[key] for key in table.keys]]
    known = list(spread_out(features, 0, count))
    share = (1 / table.speedup).astype(float)
    error = np.abs(share / Surrogate(features, 2.5).predict(known, share[known]).at(0) - 1)
    rest: NDArray[np.float64] = np.delete(error, known)
    return rest


def table_context(table: GridTable) -> Context:
    """What the methods of a table need to know about its pipeline."""
    combination = table.about["combination"]
    request = StudyRequest(**{**combination, "methods": tuple(combination["methods"])}, trials=1)
    entry = find_pipeline(combination["pipeline"])
    return make_stack(request, entry, entry.architecture).context


def _columns(stack: Stack) -> NDArray[np.float64]:
    """The terms of the time: a constant, and the work that is left out."""
    # Which work a stack's points skip first differs from stack to stack; the columns must not.
    columns = work_shares(dict(sorted(describe(stack).skips.items())))
    return np.column_stack([np.ones(len(stack.points)), *columns])


def _robust(columns: NDArray[np.float64], share: Vector) -> Vector:
    """Ridge regression of relative errors, in which disturbed timings count less."""
    weight: Vector = np.ones(len(share))
    scaled = columns / share[:, None]
    # A constant column has no spread, and so no penalty.
    penalty = np.diag(np.sqrt(RIDGE * len(share)) * columns.std(axis=0))
    target = np.zeros(len(penalty))
    for _ in range(ROUNDS):
        # The columns may depend on one another: of many solutions take the least coefficients.
        rows = np.vstack([scaled * weight[:, None], penalty])
        goal = np.concatenate([weight, target])
        coefficients: Vector = np.linalg.lstsq(rows, goal, rcond=1e-8)[0]
        error: Vector = np.abs(scaled @ coefficients - 1)
        deviation = 1.4826 * np.median(error) + 1e-12
        weight = np.sqrt(1.0 / np.maximum(1, error / (OUTLYING * deviation)))
    return coefficients
