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

    Only the difference between two scores of one prompt has a meaning: these models were trained so
    that its logistic function is the chance that people prefer the one picture (Bradley-Terry). A
    score has no natural zero and may be negative, so a relative loss of a mean would have no
    meaning.

    Attributes:
        logits: How much a difference of 1 counts in the logistic function.
    """

    logits: ClassVar[float] = 1.0
    more_is_better = True
    needs = frozenset({"pictures", "prompts"})

    def losses(self, values: Sequence[float], baseline: Sequence[float]) -> list[float]:
        """By how much more than half of the time people would prefer the baseline's picture.

        0 is no preference, 5% means that people would choose the baseline's picture 55 times out of
        100, 50% always; a negative loss means that they would prefer the accelerated one.
        """
        ahead = self.logits * (np.asarray(baseline) - np.asarray(values))
        # The logistic function minus one half, written so that it cannot overflow.
        return [float(each) for each in np.tanh(ahead / 2) / 2]

    def loss(
        self, values: Sequence[float], baseline: Sequence[float], confidence: float = CONFIDENCE
    ) -> Estimate:
        """See `Metric.loss`: the mean loss of the pictures."""
        found = mean_loss(self.losses(values, baseline), confidence)
        return replace(found, low=max(found.low, -MOST), high=min(found.high, MOST))
