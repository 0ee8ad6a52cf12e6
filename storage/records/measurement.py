"""Measurements: what is kept of a point that was measured."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, hypot
from statistics import fmean
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from storage.records.record import Count, Number, Positive, Record

# JSON has lists only, so a list is accepted for a tuple.
Interval = Annotated[tuple[Number, Number], Field(strict=False)]
"""The two ends of an interval, at 95%."""

Seconds = Annotated[tuple[Positive, ...], Field(strict=False)]

Losses = Annotated[tuple[Number, ...], Field(strict=False)]

WORST = 20
"""One prompt in so many is among those that lost most: the worst 5%."""

Words = Annotated[tuple[str, ...], Field(strict=False)]

Kind = Literal["timed again", "confirmed", "metrics added"]
"""Why a point was measured again: something disturbed it, its quality must be certain, or the study
was asked for a metric after it was measured."""


class MetricResult(Record):
    """The result of a measurement in one metric.

    Attributes:
        value: The mean over pictures, in the metric's own unit.
        loss: What acceleration costs in it, as objectives/quality/ defines.
        loss_ci: Its interval over prompts; None if only one picture was seen.
        samples: How many pictures were seen.
    """

    value: Number
    loss: Number
    loss_ci: Interval | None
    samples: Count


class Pictured(Record):
    """A prompt whose pictures are kept.

    Attributes:
        prompt: Its index among the protocol's prompts, from 0.
        loss: The loss of its picture, by the study's loss.
    """

    prompt: Count
    loss: Number


Pairs = Annotated[tuple[Pictured, ...], Field(strict=False)]


class Measurement(Record):
    """One point, measured; intervals are (low, high) at 95%.

    Attributes:
        speedup: Baseline latency / accelerated latency, from pairs measured side by side.
        speedup_ci: Its interval for runs on machines of this kind, not for this run alone.
        clip_loss: Relative loss of the mean CLIP score; negative is a gain.
        clip_loss_ci: Its interval over prompts.
        latency_s: Seconds per picture in batches of the protocol's size, geometric mean over the
            pairs.
        latency_ci_s: Its interval for other runs, as for the speedup; None if only one pair was
            timed.
        baseline_latency_s: The same for the baseline, timed side by side.
        latencies_s: Seconds per picture of the accelerated batch of each pair.
        baseline_latencies_s: The same for its baseline batch.
        image_similarity: Mean CLIP cosine to the baseline's picture of the same prompt and seed.
        psnr_db: Mean PSNR against the baseline's pictures, over the pairs; 100 if they are
            equal.
        clip_score: Mean CLIP score of the accelerated pictures.
        baseline_clip_score: The baseline's on the same prompts.
        peak_memory_mib: Peak memory of an accelerated batch; None on a CPU.
        device_shared: Whether another process was seen on the GPU.
        gpu_bound: Share of the denoiser's time in which the GPU did not wait for its host, 0 to
            1; None on a CPU, for points given up early, and in studies from before it was kept.
        baseline_gpu_bound: The same for the baseline.
        hits: The share of the denoiser's calls in which a cache that decides at run time reused
            something; None without such a cache, and in studies from before it was kept.
        skipped: The share of each kind of work that all calls together leave out, by name, where it
            is known beforehand; empty in studies from before it was kept.
        warmup_s: Seconds of the trial's first accelerated generation, which compiles and captures;
            not in the latency. None without a lossless method, and in studies from before it was
            kept.
        lossy_methods: The methods that leave something out at this point, sorted by name; empty for
            a lossless point, and None in studies from before they were kept.
        disturbed: What disturbed it, from outside or next to the study's other points; empty if
            nothing did, and in studies from before it was kept.
        samples: Prompts generated; fewer than the protocol's if stopped early.
        stopped_early: Whether it was given up as hopeless, or because its cache never hit.
        seconds: Where the wall time went, by phase.
        metrics: All other metrics of the protocol, by name; none in studies from before they were
            kept.
        worst_losses: The losses of the worst prompts, one in `WORST`, by the study's loss, greatest
            first; empty in studies from before they were kept.
        pictured: The pairs in the grid of the pictures that lost most, from left to right; empty
            without one.
        shared: The same for the grid of prompts that all trials of a study share; empty in studies
            from before it was kept.
    """

    speedup: Positive
    speedup_ci: Interval
    clip_loss: Number
    clip_loss_ci: Interval
    latency_s: Positive
    latency_ci_s: Interval | None
    baseline_latency_s: Positive
    latencies_s: Seconds
    baseline_latencies_s: Seconds
    image_similarity: Number
    psnr_db: float
    clip_score: Number
    baseline_clip_score: Number
    peak_memory_mib: Number | None
    device_shared: bool
    gpu_bound: Number | None = None
    baseline_gpu_bound: Number | None = None
    hits: Number | None = None
    skipped: dict[str, Number] = Field(default_factory=dict)
    warmup_s: Number | None = None
    lossy_methods: Words | None = None
    disturbed: Words = ()
    samples: Count
    stopped_early: bool
    seconds: dict[str, Number]
    metrics: dict[str, MetricResult] = Field(default_factory=dict)
    worst_losses: Losses = ()
    pictured: Pairs = ()
    shared: Pairs = ()

    @property
    def worst_loss(self) -> float | None:
        """The mean loss of the prompts that lost most, which a mean over all hides."""
        return fmean(self.worst_losses) if self.worst_losses else None

    @property
    def disturbances(self) -> tuple[str, ...]:
        """What disturbed it; studies from before this was kept only know about the GPU."""
        return self.disturbed or (("shared",) if self.device_shared else ())


class Remeasured(Measurement):
    """A known point, measured again.

    Attributes:
        look: The reason.
    """

    look: Kind


def reaches(value: float, low: float, high: float) -> tuple[float, float]:
    """How far an interval reaches below and above its value.

    Intervals of earlier releases may not contain the value; that side then reaches as far as the
    other one.
    """
    below, above = value - low, high - value
    return (below if below >= 0 else above), (above if above >= 0 else below)


def with_metrics(first: Measurement, again: Measurement) -> Measurement:
    """Add the metrics that a measurement lacks from another one on the same prompts."""
    return first.model_copy(update={"metrics": {**again.metrics, **first.metrics}})


class _Part(NamedTuple):
    """A loss on some of the prompts."""

    loss: float
    interval: Interval
    samples: int


def pooled(first: Measurement, again: Measurement) -> Measurement:
    """Pool two measurements into one on the prompts of both.

    Losses are averaged, with equal weight for each prompt of both samples, and the peak memory is
    the greater one. Everything else comes from the second, above all the timing.

    Args:
        first: What the search measured.
        again: The same point on other prompts.
    """
    loss = _pooled(
        _Part(first.clip_loss, first.clip_loss_ci, first.samples),
        _Part(again.clip_loss, again.clip_loss_ci, again.samples),
    )
    update = {
        "clip_loss": loss.loss,
        "clip_loss_ci": loss.interval,
        "samples": loss.samples,
        "peak_memory_mib": max(
            (each.peak_memory_mib for each in (first, again) if each.peak_memory_mib is not None),
            default=None,
        ),
        # If one of them is from before they were kept, nothing is known about both.
        "worst_losses": worst_of([*first.worst_losses, *again.worst_losses], loss.samples)
        if first.worst_losses and again.worst_losses
        else (),
        "metrics": {**first.metrics, **again.metrics}
        | {
            name: _pooled_metric(first.metrics[name], again.metrics[name])
            for name in first.metrics.keys() & again.metrics.keys()
        },
    }
    return again.model_copy(update=update)


def worst_of(losses: Iterable[float], samples: int) -> tuple[float, ...]:
    """The losses of the prompts that lost most, greatest first.

    Args:
        losses: The losses of all prompts, or at least of those that may be among the worst.
        samples: How many prompts there are.
    """
    return tuple(sorted(losses, reverse=True)[: ceil(samples / WORST)])


def _pooled(one: _Part, other: _Part) -> _Part:
    """Pool two parts; errors of independent samples add up in squares, on each side separately.

    The high end reaches further than the low end by an allowance for prompts that were not seen
    (objectives/statistics.py). It shrinks with the number of prompts, not with its root.
    """
    samples = one.samples + other.samples
    parts = [(each, each.samples / samples) for each in (one, other)]
    loss = sum(share * each.loss for each, share in parts)
    below, above = zip(
        *([share * reach for reach in reaches(each.loss, *each.interval)] for each, share in parts),
        strict=True,
    )
    unseen = sum(
        share * max(0.0, up - down)
        for (_, share), up, down in zip(parts, above, below, strict=True)
    )
    reach = hypot(*map(min, above, below))
    return _Part(loss, (loss - hypot(*below), loss + reach + unseen), samples)


def _pooled_metric(one: MetricResult, other: MetricResult) -> MetricResult:
    """Pool a metric; a single picture has no interval and tells nothing about the error."""
    if one.loss_ci is None or other.loss_ci is None:
        return other if one.loss_ci is None else one
    loss = _pooled(
        _Part(one.loss, one.loss_ci, one.samples), _Part(other.loss, other.loss_ci, other.samples)
    )
    share = one.samples / loss.samples
    update = {
        "value": share * one.value + (1 - share) * other.value,
        "loss": loss.loss,
        "loss_ci": loss.interval,
        "samples": loss.samples,
    }
    return other.model_copy(update=update)
