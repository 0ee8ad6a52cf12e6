"""One measured point, and lists of them, as Python shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelfront.api.arguments import checked
from accelfront.api.errors import AccelfrontError, told
from generator.artefacts.point import Point
from objectives.files import replace_file
from objectives.pipelines.catalogue import PIPELINES
from storage.records.budgets import CLIP_LOSS, MEMORY, Budgets
from storage.records.points import by_short_names
from storage.records.study import Study
from storage.records.trial import Trial as Measured

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Trial:
    """One point of a study, by its judged figures. Intervals are (low, high) at 95%.

    Attributes:
        number: The trial's number in its study.
        params: Its parameters, by their short names.
        speedup: Baseline latency / accelerated latency.
        speedup_ci: Its interval.
        latency_s: Seconds per picture, in batches of the study's size.
        clip_loss: Relative loss of the mean CLIP score.
        clip_loss_ci: Its interval.
        loss: Its loss in the metric that the study searched by, usually the CLIP loss.
        loss_ci: Its interval.
        chance_inside: The chance, 0 to 1, that it is truly inside all budgets.
        confirmed: Whether it was measured again on prompts that the search did not see.
        point: All that is known about it, as `generate --as json` writes it.
    """

    number: int
    params: Mapping[str, int | float]
    speedup: float
    speedup_ci: tuple[float, float]
    latency_s: float
    clip_loss: float
    clip_loss_ci: tuple[float, float]
    loss: float
    loss_ci: tuple[float, float]
    chance_inside: float
    confirmed: bool
    point: Point = field(repr=False)

    @classmethod
    def of(cls, study: Study, measured: Measured, budgets: Budgets | None = None) -> Trial:
        """Show a trial of a study.

        Args:
            study: The study.
            measured: The trial as it is stored.
            budgets: The budgets to judge by; None means the study's.
        """
        point = Point.of(study, measured, budgets)
        figures, loss = point.figures, measured.lost(measured.judged)
        return cls(
            number=measured.number,
            params=by_short_names(measured.params),
            speedup=figures.speedup,
            speedup_ci=figures.speedup_ci,
            latency_s=figures.latency_s,
            clip_loss=figures.clip_loss,
            clip_loss_ci=figures.clip_loss_ci,
            loss=measured.judged_loss,
            loss_ci=(loss.low, loss.high),
            chance_inside=point.promised.chance_inside,
            confirmed=figures.confirmed,
            point=point,
        )

    @property
    def call(self) -> dict[str, Any]:
        """Its measured settings, as arguments of the pipeline's call: `pipe(prompt, **trial.call)`.

        The call of an accelerated pipe warns of other settings.
        """
        return measured_call(self.point)

    @checked
    def write(self, path: str | Path) -> Path:
        """Write the point as JSON, which `accelfront.accelerate` reads; an old file is replaced."""
        return write_text(self.point.text(), Path(path))

    def row(self) -> dict[str, Any]:
        """One row of a table: an interval takes two columns, a parameter one."""
        return {
            "trial": self.number,
            "speedup": self.speedup,
            "speedup_low": self.speedup_ci[0],
            "speedup_high": self.speedup_ci[1],
            "latency_s": self.latency_s,
            "clip_loss": self.clip_loss,
            "clip_loss_low": self.clip_loss_ci[0],
            "clip_loss_high": self.clip_loss_ci[1],
            **self._budgeted_losses(),
            "chance_inside": self.chance_inside,
            "confirmed": self.confirmed,
            **self.params,
        }

    def _budgeted_losses(self) -> dict[str, float | None]:
        """The loss in each metric that has a budget, including the study's own loss.

        All points of a study have the same columns; a missing measurement is empty.
        """
        point, losses = self.point, dict[str, float | None]()
        for name in point.promised.budgets:
            if name in (CLIP_LOSS, MEMORY):
                continue
            known = point.figures.metrics.get(name)
            ends = None if known is None else known.loss_ci
            value, (low, high) = None if known is None else known.loss, ends or (None, None)
            if name == point.protocol.loss:
                value, (low, high) = self.loss, self.loss_ci
            losses |= {f"{name}_loss": value, f"{name}_loss_low": low, f"{name}_loss_high": high}
        return losses


def measured_call(point: Point) -> dict[str, Any]:
    """The settings of a point's measurement, as arguments of the pipeline's call."""
    protocol = point.protocol
    entry = PIPELINES.get(point.combination.pipeline)
    guided = {"guidance_scale": protocol.guidance_scale}
    needs_negative = entry is not None and entry.family.values.second_call
    negative = {"negative_prompt": protocol.negative_prompt}
    return {
        "num_inference_steps": point.combination.steps,
        **(guided if entry is None else entry.call_at(protocol.guidance_scale)),
        "height": protocol.height,
        "width": protocol.width,
        **(negative if protocol.negative_prompt or needs_negative else {}),
    }


class Trials(list[Trial]):
    """Some trials of a study."""

    def to_frame(self) -> pandas.DataFrame:
        """A table of them, one per row.

        Raises:
            AccelfrontError: If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise AccelfrontError("to_frame() needs pandas; pip install pandas") from error
        return pandas.DataFrame([trial.row() for trial in self])


def write_text(text: str, path: Path) -> Path:
    """Write a file, all of it or nothing, and return its absolute path."""
    with told():
        replace_file(path, text)
    return path.resolve()
