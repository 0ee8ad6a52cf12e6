"""Studies of one pipeline on one chart, each in ratios to its own baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from storage.records.budgets import CLIP_LOSS
from storage.records.protocol import Protocol
from storage.records.study import Study
from storage.records.trial import Trial

Place = tuple[str, int]
"""A scheduler and its number of steps."""


class Fewer(NamedTuple):
    """Fewer steps with nothing else left out, in ratios to a study's baseline.

    Attributes:
        words: The steps, and how their speed is known.
        speedup: How many times as fast.
        loss: Their loss.
    """

    words: str
    speedup: float
    loss: float


@dataclass(frozen=True)
class Comparison:
    """Studies of one pipeline that were measured alike.

    Seconds of different hours do not compare. A speedup and a loss do, as each was measured side by
    side with its own baseline.

    Attributes:
        pipeline: The pipeline.
        device: The device of the measurements.
        protocol: Their protocol.
        loss: The metric of their losses.
        studies: Those with points, the one with the fastest answer first.
        answers: The answer by a study's name, if it has one.
        fewer: The results of fewer steps by a study's name, fewest last.
    """

    pipeline: str
    device: str
    protocol: Protocol
    loss: str
    studies: list[Study]
    answers: dict[str, Trial | None]
    fewer: dict[str, list[Fewer]]

    def fewer_beside(self, study: Study) -> Fewer | None:
        """The fastest of fewer steps that loses no more than a study's answer, if one is known."""
        if (answer := self.answers[study.name]) is None:
            return None
        inside = (each for each in self.fewer[study.name] if each.loss <= answer.judged_loss)
        return max(inside, key=lambda each: each.speedup, default=None)


def compare(studies: Iterable[Study]) -> list[Comparison]:
    """Group studies that share pipeline, protocol and device; a single one compares with none."""
    alike: dict[tuple[str, str, Protocol], list[Study]] = {}
    for study in studies:
        if study.trials:
            shared = study.combination.pipeline, study.device, study.protocol.lasting
            alike.setdefault(shared, []).append(study)
    return [_comparison(group) for group in alike.values() if len(group) > 1]


def _comparison(studies: Sequence[Study]) -> Comparison:
    first = studies[0]
    loss = first.loss
    answers = {study.name: study.answer for study in studies}
    timed = _timed(studies)
    scores = _baseline_scores(studies) if loss == CLIP_LOSS else {}
    return Comparison(
        first.combination.pipeline,
        first.device,
        first.protocol,
        loss,
        sorted(studies, key=lambda study: _speed(answers[study.name]), reverse=True),
        answers,
        {
            study.name: timed.get(_place(study)) or _counted(_place(study), scores)
            for study in studies
        },
    )


def _place(study: Study) -> Place:
    return study.combination.scheduler, study.combination.steps


def _speed(answer: Trial | None) -> float:
    return 0.0 if answer is None else answer.judged_speedup


def _timed(studies: Iterable[Study]) -> dict[Place, list[Fewer]]:
    """Fewer steps that were timed against a baseline of the same scheduler and steps."""
    found: dict[Place, list[Fewer]] = {}
    for study in studies:
        found.setdefault(_place(study), []).extend(
            Fewer(f"trial {trial.number}, timed", trial.judged_speedup, trial.judged_loss)
            for trial in study.trials
            if trial.leaves_out_steps_alone
        )
    return {place: sorted(fewer, key=lambda each: each.speedup) for place, fewer in found.items()}


def _baseline_scores(studies: Iterable[Study]) -> dict[Place, float]:
    """The baselines' CLIP scores, which do not depend on when they were measured."""
    known: dict[Place, list[float]] = {}
    for study in studies:
        scores = (trial.measurement.baseline_clip_score for trial in study.trials)
        known.setdefault(_place(study), []).extend(scores)
    return {place: median(scores) for place, scores in known.items()}


def _counted(place: Place, scores: Mapping[Place, float]) -> list[Fewer]:
    """Fewer steps of the same scheduler, assuming that their speed follows from their number."""
    scheduler, steps = place
    if not (own := scores.get(place)):
        return []
    found = [
        Fewer(f"{fewer} of {steps} steps, by their count", steps / fewer, 1 - score / own)
        for (name, fewer), score in scores.items()
        if name == scheduler and fewer < steps
    ]
    return sorted(found, key=lambda each: each.speedup)
