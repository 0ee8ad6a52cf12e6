"""What a model sees of a point: how much of the work it leaves out, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from accel_space.stack import Stack

Matrix = NDArray[np.float64]


def skipped_shares(stack: Stack) -> dict[str, Matrix]:
    """What every point of a stack skips, by name; shape (points, calls), values 0 to 1."""
    skipped = [stack.skipped(point) for point in stack.points]
    nothing = (0.0,) * stack.context.calls
    names = dict.fromkeys(name for each in skipped for name in each)
    return {name: np.array([each.get(name, nothing) for each in skipped]) for name in names}


def work_features(skipped: Mapping[str, Matrix]) -> Matrix:
    """Describe points by the work that they skip, each column from 0 to 1.

    A call's time is what its parts cost that are not skipped, so the time of a picture follows from
    the mean shares, and from those of pairs that are skipped together.

    Args:
        skipped: As `skipped_shares` gives it.

    Returns:
        Shape (points, features); no column is constant, and no two are equal.
    """
    return _scaled(work_shares(skipped))


def work_shares(skipped: Mapping[str, Matrix]) -> list[NDArray[np.float64]]:
    """The mean shares of `work_features` as they are; each of shape (points,), values 0 to 1."""
    columns = [
        column
        for shares in skipped.values()
        for column in (shares.mean(axis=1), (shares**2).mean(axis=1))
    ]
    return columns + [(a * b).mean(axis=1) for a, b in combinations(skipped.values(), 2)]


def loss_features(skipped: Mapping[str, Matrix]) -> Matrix:
    """Describe points by what hurts a picture, each column from 0 to 1.

    Early calls decide on the composition and late ones on detail; what is reused is the worse the
    older it is.

    Args:
        skipped: As `skipped_shares` gives it.

    Returns:
        Shape (points, features); no column is constant, and no two are equal.
    """
    columns = []
    for shares in skipped.values():
        late = np.linspace(0, 1, shares.shape[1])
        age = _age(shares)
        columns += [
            shares.max(axis=1),
            (shares * (1 - late)).mean(axis=1),
            (shares * late).mean(axis=1),
            (shares * age).mean(axis=1),
            age.max(axis=1),
        ]
    return _scaled(columns)


def _age(shares: Matrix) -> Matrix:
    """For how many calls in a row something has been skipped, as a share of all calls."""
    age = np.zeros_like(shares)
    for call in range(shares.shape[1]):
        before = age[:, call - 1] if call else 0
        age[:, call] = (before + 1) * (shares[:, call] > 0)
    share: Matrix = age / shares.shape[1]
    return share


def _scaled(columns: Sequence[NDArray[np.float64]]) -> Matrix:
    """Columns from 0 to 1, without those that say nothing or the same as another."""
    kept: list[NDArray[np.float64]] = []
    for column in columns:
        low, high = column.min(), column.max()
        if high - low < 1e-9:
            continue
        scaled = (column - low) / (high - low)
        if not any(np.allclose(scaled, other, atol=1e-6) for other in kept):
            kept.append(scaled)
    return np.column_stack(kept) if kept else np.zeros((len(columns[0]), 0))
