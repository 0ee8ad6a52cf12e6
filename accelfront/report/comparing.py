"""Studies of one pipeline over each other, each in ratios to its own baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from storage.records.budgets import CLIP_LOSS
from storage.records.protocol import Protocol
from storage.records.study import Study


class Fewer(NamedTuple):
    """Fewer steps with nothing else left out, in ratios to a study's baseline.

    Attributes:
        words: Which steps, and how their speed is known.
        speedup: How many times as fast.
        loss: What they lose.
    """

    words: str
    speedup: float
    loss: float


@dataclass(frozen=True)
class Comparison:
    """Studies of one pipeline that were measured alike.

    Seconds of different hours do not compare. A speedup and a loss do, as each was measured beside
    its own baseline.

    Attributes:
        pipeline: The pipeline.
        device: Where.
        protocol: How.
        loss: The metric of their losses.
        studies: Those with points, the one with the fastest answer first.
        fewer: By a study's name what fewer steps give beside it, fewest last.
    """

    pipeline: str
    device: str
    protocol: Protocol
    loss: str
    studies: list[Study]
    fewer: dict[str, list[Fewer]]

    def fewer_beside(self, study: Study) -> Fewer | None:
        """The fastest of fewer steps that loses no more than a study's answer, if one is known."""
        if (answer := study.answer) is None:
            return None
        inside = (each for each in self.fewer[study.name] if each.loss <= answer.judged_loss)
        return max(inside, key=lambda each: each.speedup, default=None)


def compare(studies: Iterable[Study]) -> list[Comparison]:
    """Put studies together that share pipeline, protocol and device; one alone compares to none."""
    alike: dict[tuple[str, str, Protocol], list[Study]] = {}
    for study in studies:
        if study.trials:
            shared = study.combination.pipeline, study.device, study.protocol
            alike.setdefault(shared, []).append(study)
    return [_comparison(group) for group in alike.values() if len(group) > 1]


def _comparison(studies: Sequence[Study]) -> Comparison:
    first = studies[0]
    loss = first.loss
    scores = _baseline_scores(studies) if loss == CLIP_LOSS else {}
    return Comparison(
        first.combination.pipeline,
        first.device,
        first.protocol,
        loss,
        sorted(studies, key=_speed, reverse=True),
        {study.name: _fewer_steps(study, studies, scores) for study in studies},
    )


def _speed(study: Study) -> float:
    answer = study.answer
    return 0.0 if answer is None else answer.judged_speedup


def _baseline_scores(studies: Sequence[Study]) -> dict[tuple[str, int], float]:
    """The baselines' CLIP scores by scheduler and steps; a score knows no hour."""
    known: dict[tuple[str, int], list[float]] = {}
    for study in studies:
        place = study.combination.scheduler, study.combination.steps
        scores = (trial.measurement.baseline_clip_score for trial in study.trials)
        known.setdefault(place, []).extend(scores)
    return {place: median(scores) for place, scores in known.items()}


def _fewer_steps(
    study: Study, studies: Sequence[Study], scores: Mapping[tuple[str, int], float]
) -> list[Fewer]:
    """Fewer steps of a study's scheduler: timed beside its baseline, or counted."""
    scheduler, steps = study.combination.scheduler, study.combination.steps
    timed = [
        Fewer(f"trial {trial.number}, timed", trial.judged_speedup, trial.judged_loss)
        for other in studies
        if (other.combination.scheduler, other.combination.steps) == (scheduler, steps)
        for trial in other.trials
        if trial.leaves_out_steps_alone
    ]
    own = scores.get((scheduler, steps))
    counted = [
        Fewer(f"{fewer} of {steps} steps, by their count", steps / fewer, 1 - score / own)
        for (name, fewer), score in scores.items()
        if own and name == scheduler and fewer < steps
    ]
    return sorted(timed or counted, key=lambda each: each.speedup)
