"""What measuring leaves behind: baselines and measurements."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from objectives.quality.metric import Embeddings
from objectives.statistics import Estimate


@dataclass(frozen=True)
class Baseline:
    """What the unaccelerated pipeline makes of the protocol's prompts.

    Attributes:
        scores: CLIP score per prompt.
        embeddings: CLIP embedding of each picture.
    """

    scores: list[float]
    embeddings: Embeddings


@dataclass(frozen=True)
class Partial:
    """What a trial has measured so far.

    Attributes:
        latencies_s: Seconds per picture of each accelerated batch of a pair, at least one.
        baseline_latencies_s: The same of its baseline batch.
        scores: CLIP score per prompt so far.
        baseline_scores: The baseline's of the same prompts.
        batches: How many batches are scored.
        of_batches: How many there are to be.
    """

    latencies_s: list[float]
    baseline_latencies_s: list[float]
    scores: list[float]
    baseline_scores: list[float]
    batches: int
    of_batches: int


Estimates = tuple[Estimate, Estimate]
"""The speedup and the CLIP loss."""

Hopeless = Callable[[Partial], Estimates | None]
"""Tells from what was measured so far whether to give a point up: the estimates that say so."""


class MetricResult(BaseModel):
    """What a trial says of one metric.

    Attributes:
        value: The mean over pictures, in the metric's own unit.
        loss: What acceleration costs in it, as objectives/quality/metric.py tells.
        loss_ci: Its interval over prompts; None where one picture alone was seen.
        samples: How many pictures were seen.
    """

    model_config = ConfigDict(frozen=True)

    value: float
    loss: float
    loss_ci: tuple[float, float] | None
    samples: int


class Measurement(BaseModel):
    """One point, measured; intervals are [low, high] at 95%.

    Attributes:
        speedup: Baseline latency / accelerated latency, from pairs measured side by side.
        speedup_ci: Its interval for runs on machines of this kind, not for this run alone.
        clip_loss: Relative loss of the mean CLIP score; negative is a gain.
        latency_s: Seconds per picture in batches of the protocol's size, geometric mean over the
            pairs.
        latency_ci_s: Its interval, for other runs as that of the speedup; None if one pair alone
            was timed.
        baseline_latency_s: The baseline's beside it.
        latencies_s: Seconds per picture of each accelerated batch of a pair.
        baseline_latencies_s: The same of its baseline batch.
        image_similarity: Mean CLIP cosine to the baseline's picture of the same prompt and seed.
        psnr_db: Mean PSNR against the baseline's pictures, over the pairs.
        clip_score: Mean CLIP score of the accelerated pictures.
        baseline_clip_score: The baseline's on the same prompts.
        peak_memory_mib: Most memory of an accelerated batch; None on a CPU.
        device_shared: Whether another process was seen on the GPU.
        gpu_bound: Share of the denoiser's time in which the GPU did not wait for its host, 0 to
            1; None on a CPU, of points given up early, and in studies from before it was kept.
        baseline_gpu_bound: The baseline's.
        hits: The share of the denoiser's calls in which a cache that decides while running reused
            something; None without such a cache, and in studies from before it was kept.
        disturbed: What disturbed it, as studies/run/remeasurement/disturbance.py finds; empty if
            nothing did.
        samples: Prompts generated; fewer than the protocol's if stopped early.
        stopped_early: Whether it was given up as hopeless, or as its cache never hit.
        seconds: Where the wall time went, by phase.
        metrics: All other metrics of the protocol, by name; none in studies from before they were
            kept.
    """

    model_config = ConfigDict(frozen=True)

    speedup: float
    speedup_ci: tuple[float, float]
    clip_loss: float
    clip_loss_ci: tuple[float, float]
    latency_s: float
    latency_ci_s: tuple[float, float] | None
    baseline_latency_s: float
    latencies_s: list[float]
    baseline_latencies_s: list[float]
    image_similarity: float
    psnr_db: float
    clip_score: float
    baseline_clip_score: float
    peak_memory_mib: float | None
    device_shared: bool
    gpu_bound: float | None = None
    baseline_gpu_bound: float | None = None
    hits: float | None = None
    disturbed: list[str] = []
    samples: int
    stopped_early: bool
    seconds: dict[str, float]
    metrics: dict[str, MetricResult] = {}


class Clock:
    """Adds up where the wall time goes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add what happens inside to a phase. Phases do not nest."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add seconds to a phase."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
