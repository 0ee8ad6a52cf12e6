"""Points by their schedules: how much work they leave out, when, and what decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from accel_space.schedule import Features
from accel_space.stack import Stack

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Described:
    """The schedules of every point of a stack; rows are its points.

    Attributes:
        skips: The shares that are left out, by name; shape (points, calls), values 0 to 1.
        features: Other facts that pictures and time depend on; shape (points, features).
        time_features: Facts that only the time depends on; shape (points, features).
    """

    skips: Mapping[str, Matrix]
    features: Matrix
    time_features: Matrix


def describe(stack: Stack) -> Described:
    """Describe the points of a stack by their schedules."""
    schedules = [stack.schedule(point) for point in stack.points]
    nothing = (0.0,) * stack.context.calls
    names = dict.fromkeys(name for each in schedules for name in each.skips)
    return Described(
        {name: np.array([each.skips.get(name, nothing) for each in schedules]) for name in names},
        _table([each.features for each in schedules]),
        _table([each.time_features for each in schedules]),
    )


def _table(rows: Sequence[Features]) -> Matrix:
    """Features as columns; a point without a feature has 0 for it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return np.array([[row.get(name, 0.0) for name in names] for row in rows])


def work_features(described: Described) -> Matrix:
    """Describe points by what determines their time, each column from 0 to 1.

    A call takes the time of its parts that are not skipped, so the time of a picture follows from
    the mean shares, and from those of pairs that are skipped together; and from all features.

    Args:
        described: A result of `describe`.

    Returns:
        Shape (points, columns); no two are equal, and none is constant unless it is the only one.
    """
    features = [*described.features.T, *described.time_features.T]
    return _scaled(len(described.features), work_shares(described.skips) + features)


def work_shares(skips: Mapping[str, Matrix]) -> list[NDArray[np.float64]]:
    """The mean shares of `work_features` unscaled; each of shape (points,), values 0 to 1."""
    columns = [
        column
        for shares in skips.values()
        for column in (shares.mean(axis=1), (shares**2).mean(axis=1))
    ]
    return columns + [(a * b).mean(axis=1) for a, b in combinations(skips.values(), 2)]


def loss_features(described: Described) -> Matrix:
    """Describe points by what damages a picture, each column from 0 to 1.

    Early calls decide on the composition and late ones on detail; reused results get worse with
    age.

    Args:
        described: A result of `describe`.

    Returns:
        Shape (points, columns); no two are equal, and none is constant unless it is the only one.
    """
    columns = []
    for shares in described.skips.values():
        late = np.linspace(0, 1, shares.shape[1])
        age = _age(shares)
        columns += [
            shares.max(axis=1),
            (shares * (1 - late)).mean(axis=1),
            (shares * late).mean(axis=1),
            (shares * age).mean(axis=1),
            age.max(axis=1),
        ]
    return _scaled(len(described.features), [*columns, *described.features.T])


def _age(shares: Matrix) -> Matrix:
    """For how many calls in a row something has been skipped, as a share of all calls."""
    age = np.zeros_like(shares)
    for call in range(shares.shape[1]):
        before = age[:, call - 1] if call else 0
        age[:, call] = (before + 1) * (shares[:, call] > 0)
    share: Matrix = age / shares.shape[1]
    return share


def _scaled(points: int, columns: Sequence[NDArray[np.float64]]) -> Matrix:
    """Columns from 0 to 1, without constant or repeated ones; at least one."""
    kept: list[NDArray[np.float64]] = []
    for column in columns:
        low, high = column.min(), column.max()
        if high - low < 1e-9:
            continue
        scaled = (column - low) / (high - low)
        if not any(np.allclose(scaled, other, atol=1e-6) for other in kept):
            kept.append(scaled)
    return np.column_stack(kept) if kept else np.zeros((points, 1))
