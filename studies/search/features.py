"""A model's view of a point: its parameters, and how much work it leaves out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accel_space.method import Params
from accel_space.stack import Stack

Matrix = NDArray[np.float64]


def loss_features(stack: Stack) -> Matrix:
    """Describe the points of a stack by what changes their pictures: parameters of lossy methods.

    Features made from schedules, such as the age of what is reused, find the front no sooner on the
    recorded grids (benchmarks/search/features.py).

    Returns:
        Shape (points, columns), each column from 0 to 1.
    """
    points = stack.points
    lossy = {method for point in points for method in stack.schedule(point).lossy_methods}
    names = [name for name in stack.space if name.partition(".")[0] in lossy]
    return _scaled(len(points), _parameters(points, names))


def time_features(stack: Stack) -> Matrix:
    """Describe the points of a stack by what determines their time.

    That is all parameters, and for each kind of work the share that a static schedule leaves out.

    Returns:
        Shape (points, columns), each column from 0 to 1.
    """
    points = stack.points
    schedules = [stack.schedule(point) for point in points]
    kinds = dict.fromkeys(kind for each in schedules for kind in each.skips)
    work = [np.array([np.mean(each.skips.get(kind, 0.0)) for each in schedules]) for kind in kinds]
    return _scaled(len(points), [*_parameters(points, list(stack.space)), *work])


def _parameters(points: Sequence[Params], names: Sequence[str]) -> list[NDArray[np.float64]]:
    return [np.array([float(point[name]) for point in points]) for name in names]


def _scaled(points: int, columns: Sequence[NDArray[np.float64]]) -> Matrix:
    """Columns from 0 to 1, without those that are the same for all points; at least one."""
    spread = [column for column in columns if np.ptp(column) > 0]
    kept = [(column - column.min()) / np.ptp(column) for column in spread]
    return np.column_stack(kept) if kept else np.zeros((points, 1))
