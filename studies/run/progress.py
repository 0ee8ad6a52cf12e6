"""The reports of a run: its progress and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from storage.records.budgets import Budgets, figure
from storage.records.conclusions.conclusion import Conclusion
from storage.records.conclusions.words import loss_share, loss_title
from storage.records.judgement import Rivals
from storage.records.study import Study
from storage.records.trial import Trial
from studies.run.time_left import Step, StepTimes

if TYPE_CHECKING:
    from storage.records.measurement import Measurement

EndReason = Literal["trials", "points", "requirement", "timeout", "plateau", "interrupt", "others"]


@dataclass(frozen=True)
class Progress:
    """The progress of a run, for whoever watches.

    Attributes:
        stage: The current step, in words.
        done: Distinct points measured in full.
        wanted: How many there will be.
        found: The study's conclusion so far.
        last: What became of the last trial, in words; empty before the first.
        left_s: Seconds that the run still needs, including remeasurements; None if unknown.
        notes: What a person should know of what is measured, a line each; to be told once.
        vs_lossless: How many times as fast as the best lossless point the answer is, or without an
            answer the bolder point; None if there is none.
    """

    stage: str
    done: int
    wanted: int
    found: Conclusion
    last: str
    left_s: float | None
    notes: tuple[str, ...] = ()
    vs_lossless: float | None = None


Watch = Callable[[Progress], None]


class Reporter:
    """Reports the progress of a run, with what is known at each moment.

    Attributes:
        wanted: How many points the study will have measured in the end.
        budgets: What is allowed.
        trials: The study's points as last read.
        last: What became of the last trial, in words; empty before the first.
        step_times: How long this process took for its steps.
        steps_left: The steps that the run still has to do.
        notes: What a person should know of what is measured, a line each.
    """

    def __init__(self, watch: Watch, wanted: int, budgets: Budgets) -> None:
        """Start without knowing anything of the study.

        Args:
            watch: Told of each change.
            wanted: As above.
            budgets: As above; the study may have others.
        """
        self._watch = watch
        self.wanted = wanted
        self.budgets = budgets
        self.trials: list[Trial] = []
        self.last = ""
        self.step_times = StepTimes()
        self.steps_left: Callable[[], Mapping[Step, int]] = dict
        self.notes: Callable[[], tuple[str, ...]] = tuple

    def say(self, stage: str) -> None:
        """Report what happens now, in words."""
        found = Conclusion.of(self.trials, self.budgets)
        rivals = Rivals.among(self.trials, self.budgets)
        self._watch(
            Progress(
                stage=stage,
                done=len(self.trials),
                wanted=self.wanted,
                found=found,
                last=self.last,
                left_s=self.step_times.left_s(self.steps_left()),
                notes=self.notes(),
                vs_lossless=None if found.best is None else rivals.lossless_speedup(found.best),
            )
        )


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        study: The study as it is stored now.
        reason: Why the run ended.
        measured: How many points this run measured in full.
        met: The fastest point that meets the requirement, if one does.
        failures: Why points could not be measured, by point.
        unkept: Why pictures of a trial could not be kept; None if all were.
        lacks_prompts: Whether nothing was confirmed because there are no unseen prompts.
        earlier: A note on a study of an earlier release that was not resumed.
    """

    study: Study
    reason: EndReason
    measured: int
    met: Trial | None
    failures: dict[str, str]
    unkept: str | None
    lacks_prompts: bool = False
    earlier: str = ""


def in_words(measurement: Measurement, budgets: Budgets) -> str:
    """Describe a measurement in a few words, with the loss in the study's metric."""
    words, loss = f"{measurement.speedup:.2f}x", figure(measurement, budgets.loss)
    if loss is not None:
        words += f", {loss_title(budgets.loss)} {loss_share(loss.value)}"
    if not measurement.disturbed:
        return words
    return f"{words}, disturbed ({', '.join(measurement.disturbed)})"
