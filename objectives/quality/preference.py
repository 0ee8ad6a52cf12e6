"""Metrics of preference: models that learned which of two pictures of a prompt people prefer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from objectives.quality.model_metric import ModelMetric
from objectives.statistics import CONFIDENCE, Estimate, mean_loss

MOST = 0.5
"""The greatest loss: the baseline's pictures would always be preferred."""


class PreferenceMetric(ModelMetric):
    """A score of each picture by itself, for its prompt.

    Only the difference of two scores of one prompt means anything: these models were trained so
    that its logistic function is the chance that people prefer the one picture (Bradley-Terry). A
    score has no natural zero and may be negative, so the share of a mean that is lost would be
    nonsense.

    Attributes:
        logits: What a difference of 1 counts in the logistic function.
    """

    logits: ClassVar[float] = 1.0
    more_is_better = True
    needs = frozenset({"pictures", "prompts"})

    def losses(self, values: Sequence[float], baseline: Sequence[float]) -> list[float]:
        """By how much more than half the baseline's picture would be preferred to each.

        0 is no preference, 5% says that people would take the baseline's picture 55 times of 100,
        50% is always; a negative loss says that they would prefer the accelerated one.
        """
        ahead = self.logits * (np.asarray(baseline) - np.asarray(values))
        # The logistic function less one half, which cannot overflow so.
        return [float(each) for each in np.tanh(ahead / 2) / 2]

    def loss(
        self, values: Sequence[float], baseline: Sequence[float], confidence: float = CONFIDENCE
    ) -> Estimate:
        """See `Metric.loss`: the mean of what the pictures lost."""
        found = mean_loss(self.losses(values, baseline), confidence)
        return replace(found, low=max(found.low, -MOST), high=min(found.high, MOST))
