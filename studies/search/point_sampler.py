"""Samplers of whole points, in the way that Optuna asks for: parameter by parameter."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from storage.records.points import whole_name
from storage.records.trial import Point


class PointSampler(BaseSampler):
    """Chooses one point for each trial.

    Attributes:
        point: The point of the trial that began last.
    """

    point: Point

    @abstractmethod
    def choose(self, study: optuna.Study, trial: FrozenTrial) -> Point:
        """Choose the point of a trial that begins."""

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Choose once for all parameters."""
        self.point = self.choose(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return an empty space: every parameter is sampled independently."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing, as the search space is empty."""
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The chosen point's value."""
        return self.point[whole_name(param_name)]
