"""Studies of one pipeline put side by side in absolute figures, worked out of their records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from storage.records.measurement import Measurement
from storage.records.protocol import Protocol
from storage.records.study import Study

Plain = tuple[str, int]
"""An unaccelerated pipeline: its scheduler and num_inference_steps."""


@dataclass(frozen=True)
class Option:
    """One way to make a picture, in absolute figures.

    Attributes:
        scheduler: A scheduler's name.
        steps: num_inference_steps.
        methods: Methods joined by `+`; empty for the unaccelerated pipeline.
        latency_s: Seconds a picture; of an accelerated one the baseline's over its speedup.
        clip_score: Mean CLIP score; of an accelerated one the baseline's less its loss.
        study: Name of the study of an accelerated one, else empty.
        trial: The number of its trial, None if unaccelerated.
    """

    scheduler: str
    steps: int
    methods: str
    latency_s: float
    clip_score: float
    study: str = ""
    trial: int | None = None


@dataclass(frozen=True)
class Comparison:
    """All that was measured of one pipeline alike, so that absolute figures compare.

    Attributes:
        pipeline: The pipeline.
        device: Where.
        protocol: How.
        options: The unaccelerated pipelines by scheduler and steps, then the studies' fronts.
        best: Those that no other one beats in latency and CLIP score, quickest first.
        drift: How far the baselines of one scheduler and steps differ between studies, at most, as
            a share; None if no two studies share one.
    """

    pipeline: str
    device: str
    protocol: Protocol
    options: list[Option]
    best: list[Option]
    drift: float | None


def compare(studies: Iterable[Study]) -> list[Comparison]:
    """Put studies side by side that share pipeline, protocol and device."""
    alike: dict[tuple[str, str, Protocol], list[Study]] = {}
    for study in studies:
        if study.trials:
            shared = study.combination.pipeline, study.device, study.protocol
            alike.setdefault(shared, []).append(study)
    return [_comparison(group) for group in alike.values()]


def _comparison(studies: Sequence[Study]) -> Comparison:
    plain = _unaccelerated(studies)
    options = [*plain.values(), *_accelerated(studies, plain)]
    best: list[Option] = []
    for option in sorted(options, key=lambda option: (option.latency_s, -option.clip_score)):
        if not best or option.clip_score > best[-1].clip_score:
            best.append(option)
    return Comparison(
        studies[0].combination.pipeline,
        studies[0].device,
        studies[0].protocol,
        options,
        best,
        _drift(studies),
    )


def _unaccelerated(studies: Sequence[Study]) -> dict[Plain, Option]:
    """The baselines: fewer steps are the rival that people really use."""
    measured: dict[Plain, list[Measurement]] = {}
    for study in studies:
        measured.setdefault(_plain(study), []).extend(t.measurement for t in study.trials)
    return {
        (scheduler, steps): Option(
            scheduler,
            steps,
            methods="",
            latency_s=median(each.baseline_latency_s for each in measurements),
            clip_score=median(each.baseline_clip_score for each in measurements),
        )
        for (scheduler, steps), measurements in sorted(measured.items())
    }


def _accelerated(studies: Sequence[Study], plain: Mapping[Plain, Option]) -> list[Option]:
    """The fronts, each point put beside the baseline that all studies of its steps share.

    Seconds of different hours do not compare; speedup and loss do, as each was measured beside its
    own baseline.
    """
    return [
        Option(
            *_plain(study),
            study.combination.method_names,
            plain[_plain(study)].latency_s / trial.judged_speedup,
            plain[_plain(study)].clip_score * (1 - trial.judged_loss),
            study.name,
            trial.number,
        )
        for study in studies
        for trial in study.front
    ]


def _drift(studies: Sequence[Study]) -> float | None:
    """How far the baselines of one scheduler and steps differ between studies, at most."""
    seconds: dict[Plain, list[float]] = {}
    for study in studies:
        usual = median(trial.measurement.baseline_latency_s for trial in study.trials)
        seconds.setdefault(_plain(study), []).append(usual)
    return max((max(s) / min(s) - 1 for s in seconds.values() if len(s) > 1), default=None)


def _plain(study: Study) -> Plain:
    return study.combination.scheduler, study.combination.steps
