"""What measured points say about the others, and which one to measure next."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.records.front import least_loss
from studies.search.features import Matrix

Vector = NDArray[np.float64]

REFIT = 1.15
"""The kernel is fitted anew when the points are this many times those of its last fit."""

FIRST_SCALE = 4.0
"""A feature's length scale before anything is measured, for a range of 1."""

PRIOR_DEVIATION = 1.4
"""A kernel's parameters are fitted under a normal prior on their logarithms, centred on their first
values, with this width. With a dozen points the likelihood alone would find features that explain
everything, and trust them elsewhere. On the recorded grids (benchmarks/tables), each searched
with prompts drawn anew, this prior shortens a search by a fifth; first scales of 3 to 6 and
deviations of 1 to 1.4 do about as well, narrower and wider ones worse."""

LEAST_DEVIATION = 1e-12
"""Least deviation of a prediction, as it is a divisor."""

LEAST_VARIANCE = 1e-10
"""Least noise of a value, in units of all values' variance: keeps the kernel matrix invertible."""

DOUBT = 1.5
"""A process takes its fitted kernel for the truth, which makes it too sure of unseen points: an
exception among them is found late, the more so if losses come from few prompts. Among deviations
1, 1.25, 1.5 and 2 times as wide, tried on the recorded grids (benchmarks/tables), 1.5 times gives
the shortest searches on average with screening; without it, 1.25 times does as well. With the prior
1.25 times does as well both ways, but finds the fastest point a little later."""

QUANTILES = tuple(DOUBT * NormalDist().inv_cdf((rank + 0.5) / 15) for rank in range(15))
"""Equally likely standard scores of a normal value, doubt included, to average a gain over."""


@dataclass(frozen=True)
class Belief:
    """What the model believes about every point of a space.

    Attributes:
        mean: Shape (points,), in bent units if there is a bend.
        deviation: Standard deviation of the mean, shape (points,), in the same units.
        bend: As in `Surrogate`.
    """

    mean: Vector
    deviation: Vector
    bend: float | None = None

    def at(self, standing: float) -> Vector:
        """The values this many standard deviations above the mean, in their own units."""
        values = self.mean + standing * self.deviation
        return values if self.bend is None else self.bend * np.sinh(values)

    def chance_below(self, value: float) -> Vector:
        """The probability of each point's value to be at most this one."""
        from scipy.special import ndtr

        bent = value if self.bend is None else np.arcsinh(value / self.bend)
        chance: Vector = ndtr((bent - self.mean) / np.maximum(self.deviation, LEAST_DEVIATION))
        return chance


class Surrogate:
    """Predicts every point of a space from the measured ones, by a Gaussian process."""

    def __init__(self, features: Matrix, smoothness: float, bend: float | None = None) -> None:
        """Begin with nothing known.

        Args:
            features: Shape (points, features), each column from 0 to 1.
            smoothness: The Matern kernel's nu: 0.5 for rough functions, 2.5 for smooth ones.
            bend: Values far beyond it are learned by their logarithm (asinh(value / bend)), so that
                large ones leave room to distinguish small ones; None learns them as they are.
        """
        self._features = features
        self._smoothness = smoothness
        self._bend = bend
        self._kernel: Any = None
        self._fitted = 0

    def predict(self, known: Sequence[int], values: Vector, errors: Vector | float = 0.0) -> Belief:
        """Predict all points.

        Args:
            known: Rows of the measured points, at least two.
            values: The measured values there.
            errors: Standard deviations of the values, in addition to the noise that all have.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor

        refit = len(known) >= REFIT * self._fitted
        if self._bend is not None:
            errors = errors / np.hypot(values, self._bend)
            values = np.arcsinh(values / self._bend)
        first = self._first_kernel()
        process = GaussianProcessRegressor(
            self._kernel or first,
            alpha=LEAST_VARIANCE + (errors / (values.std() or 1.0)) ** 2,
            normalize_y=True,
            optimizer=partial(_most_probable, first.theta) if refit else None,
        )
        with warnings.catch_warnings():
            # A bound that is reached is an answer: that feature does not matter.
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(self._features[list(known)], values)
        if refit:
            self._kernel, self._fitted = process.kernel_, len(known)
        mean, deviation = process.predict(self._features, return_std=True)
        return Belief(mean, deviation, self._bend)

    def _first_kernel(self) -> Any:
        """A trend, smooth departures from it, and noise; in units of the values' deviation."""
        from sklearn.gaussian_process.kernels import (
            ConstantKernel,
            DotProduct,
            Matern,
            WhiteKernel,
        )

        scales = np.full(self._features.shape[1], FIRST_SCALE)
        departure = ConstantKernel(1.0, (1e-2, 1e3)) * Matern(
            scales, (0.1, 50.0), nu=self._smoothness
        )
        trend = ConstantKernel(0.1, (1e-4, 1e2)) * DotProduct(1.0, (1e-2, 1e2))
        return departure + trend + WhiteKernel(1e-2, (1e-6, 1.0))


def _most_probable(
    prior: Vector,
    objective: Callable[[Vector], tuple[float, Vector]],
    start: Vector,
    bounds: NDArray[np.float64],
) -> tuple[Vector, float]:
    """Find the kernel's parameters at the mode of their posterior, as scikit-learn's optimizer.

    Args:
        prior: Means of the parameters' logarithms.
        objective: Negative log likelihood of such logarithms, and its gradient.
        start: Where to begin.
        bounds: Shape (parameters, 2).
    """
    from scipy.optimize import minimize

    def negative_log_posterior(theta: Vector) -> tuple[float, Vector]:
        value, gradient = objective(theta)
        away = (theta - prior) / PRIOR_DEVIATION
        return value + (away**2).sum() / 2, gradient + away / PRIOR_DEVIATION

    found = minimize(negative_log_posterior, start, method="L-BFGS-B", jac=True, bounds=bounds)
    return found.x, found.fun


def expected_gain(
    speedup: Vector,
    loss: Belief,
    front: Sequence[tuple[float, float]],
    loss_budget: float,
    standings: Sequence[float] = QUANTILES,
) -> Vector:
    """Compute the hypervolume inside the loss budget that each point is expected to add.

    Given its speedup s, a point of loss l adds the integral over u from 1 to s of
    max(0, L(u) - l), where L(u) is the least loss at a speedup of u or more, and at most the
    budget: a sum over the steps of the front. Losses count as in `least_loss`.

    Args:
        speedup: Predicted speedup of every point.
        loss: Belief about the loss of every point.
        front: (speedup, loss) of the measured points.
        loss_budget: The greatest loss allowed.
        standings: Equally likely standings of a loss, in deviations from its mean.

    Returns:
        Shape (points,), all at least 0.
    """
    least = least_loss(loss_budget)
    inside = sorted((s, max(loss, least)) for s, loss in front if s > 1 and loss < loss_budget)
    starts = np.array([1.0, *(s for s, _ in inside)])
    ends = np.array([*(s for s, _ in inside), np.inf])
    # The least loss among the points that are at least as fast as this step.
    ceilings = np.array(
        [min((loss for s, loss in inside if s >= end), default=loss_budget) for end in ends]
    )
    widths = np.clip(np.minimum(speedup[:, None], ends) - starts, 0, None)
    gain = np.zeros(len(speedup))
    for standing in standings:
        room = ceilings - np.maximum(loss.at(standing), least)[:, None]
        gain += (widths * np.clip(room, 0, None)).sum(axis=1)
    return gain / len(standings)


def expected_fall(loss: Belief, ceiling: float) -> Vector:
    """Expected amount by which each point's loss falls below a ceiling; all at least 0."""
    falls = [np.clip(ceiling - loss.at(standing), 0, None) for standing in QUANTILES]
    fall: Vector = np.mean(falls, axis=0)
    return fall
