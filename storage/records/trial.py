"""Trials: the points that were measured, and those that failed for good."""

from __future__ import annotations

from math import floor, inf
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from storage.records.budgets import CLIP_LOSS, Budgets, Figure, figure
from storage.records.measurement import Measurement, pooled
from storage.records.points import by_short_names
from storage.records.record import Count, Number, Positive, Value, rounded

Point = dict[str, int | float]

FEWER_STEPS = ("fewer_steps",)
"""The lossy methods of a point that only leaves out steps."""

CONFIRMED = ("speedup", "speedup_ci", "latency_s", "clip_loss", "clip_loss_ci", "samples")
"""The fields of a confirmation in `front --json`."""


JUDGED = (
    "speedup", "speedup_ci", "latency_s", "clip_loss", "clip_loss_ci", "peak_memory_mib", "metrics",
    "worst_loss",
)  # fmt: skip
"""The fields of a point in `front --json` by which it is judged."""


class Trial(BaseModel):
    """A distinct point, measured in full.

    Attributes:
        number: The trial's number in its study.
        params: The canonical point, its parameters as `method.parameter`.
        speedup: Baseline latency / accelerated latency.
        loss: Its loss in the metric that is the study's second objective.
        loss_name: The name of that metric.
        measurement: All that was measured.
        confirmed: The same on prompts that the search did not see; None if it was not confirmed.
        timed_again: Whether it was disturbed and timed again; the quieter timing is kept.
        first_timing: What was measured before it was timed again; None if it was not.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    number: Count
    params: dict[str, Value]
    speedup: Positive
    loss: Number
    loss_name: str = CLIP_LOSS
    measurement: Measurement
    confirmed: Measurement | None = None
    timed_again: bool = False
    first_timing: Measurement | None = None

    @property
    def judged(self) -> Measurement:
        """What a choice goes by: the measurement, pooled with the confirmation if there is one."""
        return (
            self.measurement if self.confirmed is None else pooled(self.measurement, self.confirmed)
        )

    @property
    def measurements(self) -> list[Measurement]:
        """Its measurements: in the search, then on unseen prompts if it was confirmed."""
        return [self.measurement] + ([] if self.confirmed is None else [self.confirmed])

    @property
    def was_disturbed(self) -> bool:
        """Whether something disturbed one of its measurements."""
        return any(each.disturbances for each in self.measurements)

    @property
    def judged_speedup(self) -> float:
        """The speedup by which it is judged."""
        return self.speedup if self.confirmed is None else self.confirmed.speedup

    @property
    def judged_loss(self) -> float:
        """The loss by which it is judged, in the study's metric."""
        return self.loss if self.confirmed is None else self.lost(self.judged).value

    @property
    def clip_loss(self) -> float:
        """The relative loss of the mean CLIP score, as the search measured it."""
        return self.measurement.clip_loss

    @property
    def judged_clip_loss(self) -> float:
        """The CLIP loss by which it is judged."""
        return self.clip_loss if self.confirmed is None else self.judged.clip_loss

    def lost(self, measured: Measurement) -> Figure:
        """The loss in the study's metric by one of its measurements, with its interval."""
        found = figure(measured, self.loss_name)
        # A confirmation by another release may lack it; the search has it for every point.
        return Figure(self.loss, -inf, inf) if found is None else found

    def chance_inside(self, budgets: Budgets) -> float:
        """The chance, 0 to 1, that its true loss and cost are inside all budgets."""
        return budgets.chance_kept(self.judged)

    @property
    def is_lossless(self) -> bool:
        """Whether it is known to leave nothing out."""
        return self.measurement.lossy_methods == ()

    @property
    def leaves_out_steps_alone(self) -> bool:
        """Whether it is known to leave out steps and nothing else."""
        return self.measurement.lossy_methods == FEWER_STEPS

    @property
    def warmup_s(self) -> float | None:
        """Seconds that it first took to compile and capture; None if unknown."""
        return (self.first_timing or self.measurement).warmup_s

    def chance_written(self, budgets: Budgets) -> float:
        """The same to four decimals, rounded down: nothing looks surer than it is, none is 1."""
        # At the end of an interval the chance is 0.975 except for the last digits.
        parts = floor(round(10_000 * self.chance_inside(budgets), 3))
        return min(parts, 9_999) / 10_000

    def chance_json(self, budgets: Budgets) -> dict[str, float]:
        """The fields that these budgets add to a point."""
        return {"chance_inside": self.chance_written(budgets)}

    def as_json(self) -> dict[str, Any]:
        """The fields of a point in `front --json` that do not depend on budgets."""
        measured = self.measurement.as_json()
        return {
            "trial": self.number,
            "params": by_short_names(self.params),
            "speedup": measured["speedup"],
            "speedup_ci": measured["speedup_ci"],
            "latency_s": measured["latency_s"],
            "baseline_latency_s": measured["baseline_latency_s"],
            "clip_loss": self.clip_loss,
            "clip_loss_ci": measured["clip_loss_ci"],
            **self._loss_json(),
            "image_similarity": measured["image_similarity"],
            **self._marks(),
            **self.judged_json(),
        }

    def judged_json(self) -> dict[str, Any]:
        """Its judged figures, which include the confirmation, as fields next to the search's."""
        judged = rounded(self.judged.as_json() | {"worst_loss": self.judged.worst_loss})
        known = (name for name in JUDGED if judged.get(name) not in (None, {}))
        return {f"judged_{name}": judged[name] for name in known}

    def _loss_json(self) -> dict[str, Any]:
        """Its loss if that is not the CLIP loss: in the search, and as it is judged."""
        if self.loss_name == CLIP_LOSS:
            return {}
        searched, judged = self.lost(self.measurement), self.lost(self.judged)
        shown: dict[str, Any] = rounded(
            {
                "loss": searched.value,
                "loss_ci": [searched.low, searched.high],
                "judged_loss": judged.value,
                "judged_loss_ci": [judged.low, judged.high],
            }
        )
        return shown

    def _marks(self) -> dict[str, Any]:
        """Fields that most points do not have."""
        marks: dict[str, Any] = {}
        measured = self.measurement.as_json()
        if disturbances := self.measurement.disturbances:
            marks["disturbed"] = list(disturbances)
        for name in ("gpu_bound", "hits", "skipped", "peak_memory_mib"):
            if measured.get(name) not in (None, {}):
                marks[name] = measured[name]
        if self.warmup_s is not None:
            marks["warmup_s"] = self.warmup_s
        if metrics := measured.get("metrics"):
            marks["metrics"] = metrics
        if (worst := self.measurement.worst_loss) is not None:
            marks["worst_loss"] = rounded(worst)
        if self.confirmed is not None:
            confirmed = self.confirmed.as_json()
            marks["confirmed"] = {name: confirmed[name] for name in CONFIRMED}
            if metrics := confirmed.get("metrics"):
                marks["confirmed"]["metrics"] = metrics
            if disturbances := self.confirmed.disturbances:
                marks["confirmed"]["disturbed"] = list(disturbances)
        return marks


def trial_key(study: str, number: int | str) -> str:
    """Name a trial among those of all studies, as `accelfront compare` takes it.

    Args:
        study: The study's name.
        number: The trial's number.
    """
    return f"{study}/{number}"


class Failure(NamedTuple):
    """A point, or a remeasurement of one, that is not tried again.

    Attributes:
        trial: The trial's number.
        point: The key that was claimed.
        reason: Why it failed.
    """

    trial: int
    point: str
    reason: str
