"""Bounds: how fast a study's combination can go inside a loss budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from objectives.errors import InputError
from storage.front import best_inside
from storage.records import StudyRecord, TrialRecord

Difficulty = Literal["easy", "normal", "hard"]

EASY, HARD = 0.8, 1.2
"""Shares of the bound below and above which a wanted speedup is easy and hard."""


@dataclass(frozen=True)
class Bound:
    """The greatest measured speedup of a study inside its loss budget.

    Attributes:
        study: The study.
        trial: The point with that speedup; None if no point is inside the budget.
    """

    study: StudyRecord
    trial: TrialRecord | None

    @classmethod
    def of(cls, study: StudyRecord) -> Bound:
        """Find the bound of a study."""
        return cls(study, best_inside(study.trials, study.loss_budget))

    def as_json(self) -> dict[str, Any]:
        """One entry of `bounds --json`."""
        study = self.study.as_json()
        del study["front"]
        return {**study, "bound": None if self.trial is None else self.trial.as_json()}


def difficulty(wanted: float, bound: float, easy: float = EASY, hard: float = HARD) -> Difficulty:
    """Tell how hard a wanted speedup is to reach.

    Args:
        wanted: The speedup asked for, above 0.
        bound: The greatest measured one, above 0.
        easy: Below this share of the bound a wish is easy.
        hard: Above this share of the bound a wish is hard; `easy` or more.

    Raises:
        InputError: If the two shares contradict each other or are not above 0.
    """
    if not 0 < easy <= hard:
        raise InputError(
            "--easy and --hard are shares of the bound, above 0 and the first no greater than the "
            f"second; {easy:g} and {hard:g} were given"
        )
    share = wanted / bound
    return "easy" if share < easy else "hard" if share > hard else "normal"


def surest(trials: Sequence[TrialRecord], loss_budget: float) -> TrialRecord | None:
    """The point that meets the greatest wish by interval, as a choice of trial demands it.

    Of the points that keep the loss budget with their whole interval, it is the one whose speedup
    has the greatest low end; None if no point keeps the budget so. A confirmed point is judged by
    its confirmation.
    """
    keeping = [trial for trial in trials if trial.judged["clip_loss_ci"][1] <= loss_budget]
    return max(keeping, key=lambda trial: trial.judged["speedup_ci"][0], default=None)
