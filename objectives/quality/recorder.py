"""What the metrics of one trial say about its pictures so far."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from objectives.errors import MeasurementError
from objectives.quality.metric import Drawn, Metric
from objectives.statistics import CONFIDENCE, Estimate
from storage.records.measurement import MetricResult


class QualityRecorder:
    """The values of every metric, by the index of the picture's prompt.

    A picture that is drawn again counts once.

    Attributes:
        values: Values by metric and index.
        baseline: The same for the baseline, for metrics that score each picture by itself.
    """

    def __init__(self, metrics: Sequence[Metric] = ()) -> None:
        """Begin with nothing.

        Args:
            metrics: The metrics to record.
        """
        self._metrics = {each.name: each for each in metrics}
        self.values: dict[str, dict[int, float]] = {each.name: {} for each in metrics}
        self.baseline: dict[str, dict[int, float]] = {each.name: {} for each in metrics}

    def add(self, places: range, drawn: Drawn) -> None:
        """Record some pictures.

        Args:
            places: Indices of their prompts in the protocol.
            drawn: The pictures; without those of a pair, metrics that need them record nothing.

        Raises:
            MeasurementError: If a metric gives no finite value.
        """
        for metric in self._metrics.values():
            if "embeddings" not in metric.needs and drawn.pictures is None:
                continue
            self._note(self.values, metric, places, drawn)
            if "pairs" not in metric.needs:
                self._note(self.baseline, metric, places, drawn.baseline)

    def in_order(self, name: str) -> list[float]:
        """The values of a metric, in the order of the prompts."""
        return _in_order(self.values[name])

    def losses(self, name: str) -> dict[int, float]:
        """The loss of each picture in a recorded metric, by the index of its prompt."""
        places = sorted(self.values[name])
        losses = self._metrics[name].losses(self.in_order(name), _in_order(self.baseline[name]))
        return dict(zip(places, losses, strict=True))

    def loss(self, name: str, confidence: float = CONFIDENCE) -> Estimate | None:
        """The loss in a metric so far; None if no picture shows it."""
        values = self.in_order(name)
        baseline = _in_order(self.baseline[name])
        return self._metrics[name].loss(values, baseline, confidence) if values else None

    def results(self) -> dict[str, MetricResult]:
        """The result of each metric that has a value."""
        found = ((name, self.loss(name)) for name in self._metrics)
        return {name: self._result(name, loss) for name, loss in found if loss is not None}

    def _result(self, name: str, loss: Estimate) -> MetricResult:
        values = self.in_order(name)
        return MetricResult(
            value=float(np.mean(values)),
            loss=loss.value,
            # A single picture has no interval.
            loss_ci=(loss.low, loss.high) if len(values) > 1 else None,
            samples=len(values),
        )

    @staticmethod
    def _note(
        noted: dict[str, dict[int, float]], metric: Metric, places: range, drawn: Drawn
    ) -> None:
        values = metric.values(drawn)
        if not all(map(isfinite, values)):
            raise MeasurementError(f"{metric.title} is not finite for one of its pictures")
        noted[metric.name] |= zip(places, values, strict=True)


def _in_order(by_place: dict[int, float]) -> list[float]:
    return [value for _, value in sorted(by_place.items())]
