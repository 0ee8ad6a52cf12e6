"""Bounds: how fast a study's combination can go inside its budgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from objectives.errors import InputError
from objectives.quality.metrics.clip_loss import ClipLoss
from storage.records.budgets import CLIP_LOSS
from storage.records.protocol import Protocol
from storage.records.study import Study

Difficulty = Literal["easy", "normal", "hard"]

EASY, HARD = 0.8, 1.2
"""Shares of the speed a study is sure of: below the first a wish is easy, above the second hard."""


ENOUGH = 8
"""The points from which a study's bound means something: as many as `accelfront study` measures."""


def is_searched(study: Study) -> bool:
    """Whether enough was measured to say what a study cannot reach; points given up count."""
    looked_at = len(study.trials) + study.states.get("pruned", 0)
    return bool(looked_at >= min(ENOUGH, study.space.distinct))


def reach_text(study: Study) -> str:
    """How much of a study is measured."""
    return f"{study.reach} measured"


def bounds_json(study: Study) -> dict[str, Any]:
    """One entry of `bounds --json`."""
    found, content = study.conclusion, study.as_json()
    del content["front"]
    return {
        **content,
        "bound": study.point_json(found.bound),
        "least_lossy": study.point_json(found.least_lossy),
        "points": study.space.distinct,
        "searched": is_searched(study),
    }


@dataclass(frozen=True)
class WeakBaseline:
    """An unaccelerated combination that scores less than another one, measured alike.

    A loss is relative to the study's own baseline. If that baseline's pictures are poor already, as
    with some schedulers at few steps and high guidance, a small loss says little.

    Attributes:
        pipeline: The pipeline of both.
        scheduler: Its scheduler.
        steps: Its num_inference_steps.
        shortfall: The share of the better one's mean CLIP score that it lacks, above 0.
        better: Scheduler and num_inference_steps of the best one.
    """

    pipeline: str
    scheduler: str
    steps: int
    shortfall: float
    better: tuple[str, int]


def weak_baselines(studies: Iterable[Study]) -> list[WeakBaseline]:
    """Find baselines that score lower than another by more than the loss budget, the worst first.

    Studies of one pipeline under one protocol are compared; of several loss budgets the smallest
    one counts.
    """
    alike: dict[tuple[str, Protocol], list[Study]] = {}
    for study in studies:
        if study.front:
            alike.setdefault((study.combination.pipeline, study.protocol.lasting), []).append(study)
    found = (weak for group in alike.values() for weak in _weak_ones(group))
    return sorted(found, key=lambda weak: -weak.shortfall)


def _weak_ones(studies: Sequence[Study]) -> list[WeakBaseline]:
    scores: dict[tuple[str, int], float] = {}
    for study in studies:
        combination = study.combination
        score = study.front[0].measurement.baseline_clip_score
        scores[combination.scheduler, combination.steps] = score
    better, best = max(scores.items(), key=lambda item: item[1])
    usual = ClipLoss.default_budget
    budget = min(study.budgets.limits().get(CLIP_LOSS, usual) for study in studies)
    pipeline = studies[0].combination.pipeline
    return [
        WeakBaseline(pipeline, scheduler, steps, 1 - score / best, better)
        for (scheduler, steps), score in scores.items()
        # Scores are cosines; shares of one that is not above 0 mean nothing.
        if best > 0 and 1 - score / best > max(budget, 0)
    ]


def difficulty(share: float, easy: float = EASY, hard: float = HARD) -> Difficulty:
    """Say how hard it is to serve a wish.

    Args:
        share: The wish as a share of the speed that a point is sure of; 1 or less is served.
        easy: Below this share a wish is easy.
        hard: Above this share a wish is hard; `easy` or more.

    Raises:
        InputError: If the two shares contradict each other or are not above 0.
    """
    if not 0 < easy <= hard:
        raise InputError(
            "--easy and --hard are shares of what a point is sure to give, above 0, and --easy is "
            f"at most --hard; they are {easy:g} and {hard:g}"
        )
    return "easy" if share < easy else "hard" if share > hard else "normal"
