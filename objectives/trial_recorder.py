"""What one trial has measured so far, and the results from it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from accel_space.calibration.hits import Hits
from objectives.errors import MeasurementError
from objectives.measurement import Baseline, Clock, Estimates, Partial
from objectives.quality.recorder import QualityRecorder
from objectives.statistics import (
    Estimate,
    across_runs,
    geometric_mean,
    latency,
    latency_across_runs,
    relative_loss,
    speedup,
)
from objectives.timing.interference import InterferenceMonitor
from storage.records.measurement import Measurement, MetricResult, worst_of
from storage.records.protocol import CLIP_LOSS

if TYPE_CHECKING:
    import torch

INERT_PAIRS = 2
"""Pairs after which a cache that never hit is assumed never to; one leaves no interval."""


@dataclass
class TrialRecorder:
    """The figures of one trial while it runs.

    Attributes:
        quality: What the metrics say about its pictures.
        latencies: Seconds per picture of each accelerated batch of a pair.
        baseline_latencies: The same for its baseline batch.
        peak_memory: Peak memory of each accelerated batch, in MiB; empty on a CPU.
        clock: Where the wall time goes.
        monitor: Watches for disturbances of the pairs.
        gpu_bound: As in `Measurement`.
        baseline_gpu_bound: As in `Measurement`.
        captures: As `Stack.applied` fills it; the trial's own.
        warmup_s: As in `Measurement`.
        lossy_methods: As in `Measurement`.
        hits: Cache hits of the accelerated generations.
        skipped: As in `Measurement`.
        loss: The metric of the study's loss.
        every_pair: Whether every picture is compared with the baseline's, not only those of the
            pairs alone.
        timeout_s: The trial's time limit; None means none.
        start: When it began, by `time.monotonic`.
    """

    quality: QualityRecorder = field(default_factory=QualityRecorder)
    latencies: list[float] = field(default_factory=list)
    baseline_latencies: list[float] = field(default_factory=list)
    peak_memory: list[float] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    monitor: InterferenceMonitor = field(default_factory=InterferenceMonitor)
    gpu_bound: float | None = None
    baseline_gpu_bound: float | None = None
    captures: dict[Any, Any] = field(default_factory=dict)
    warmup_s: float | None = None
    lossy_methods: tuple[str, ...] = ()
    hits: Hits = field(default_factory=Hits)
    skipped: dict[str, float] = field(default_factory=dict)
    loss: str = CLIP_LOSS
    every_pair: bool = False
    timeout_s: float | None = None
    start: float = field(default_factory=time.monotonic)

    @property
    def losses(self) -> dict[int, float]:
        """The loss of each picture by the study's loss so far, by the index of its prompt."""
        return self.quality.losses(self.loss)

    @property
    def is_inert(self) -> bool:
        """Whether a cache that decides at run time never hit: it might as well be absent."""
        return self.hits.share == 0 and len(self.latencies) >= INERT_PAIRS

    @property
    def is_late(self) -> bool:
        """Whether the trial has used up its time."""
        return self.timeout_s is not None and time.monotonic() - self.start > self.timeout_s

    def refuse_late(self) -> None:
        """Raise MeasurementError if the trial has used up its time."""
        if self.is_late:
            raise MeasurementError(f"it took longer than {self.timeout_s:g} s")

    def partial(self, batches: int, of_batches: int) -> Partial:
        """The measurement so far, for a check in between.

        Args:
            batches: How many batches are scored.
            of_batches: How many there will be.
        """
        return Partial(
            latencies_s=self.latencies,
            baseline_latencies_s=self.baseline_latencies,
            loss=self.quality.loss,
            peak_memory_mib=max(self.peak_memory, default=None),
            batches=batches,
            of_batches=of_batches,
        )

    def measurement(
        self, baseline: Baseline, device: torch.device, given_up: Estimates | None = None
    ) -> Measurement:
        """The trial's measurement.

        Args:
            baseline: The baseline that it was measured against.
            device: Where it was timed.
            given_up: The estimates because of which it was given up early; None if it was not.
        """
        scores = self.quality.in_order(CLIP_LOSS)
        baseline_scores = baseline.scores[: len(scores)]
        faster, told = (None, {}) if given_up is None else (given_up.speedup, given_up.losses)
        loss = told.get(CLIP_LOSS) or relative_loss(baseline_scores, scores)
        results = {
            name: result if (early := told.get(name)) is None else _as_given_up(result, early)
            for name, result in self.quality.results().items()
        }
        return Measurement(
            **self.timing(device, faster),
            clip_loss=loss.value,
            clip_loss_ci=(loss.low, loss.high),
            image_similarity=results["image_similarity"].value,
            psnr_db=results["psnr"].value,
            clip_score=float(np.mean(scores)),
            baseline_clip_score=float(np.mean(baseline_scores)),
            samples=len(scores),
            hits=self.hits.share,
            skipped=self.skipped,
            warmup_s=self.warmup_s,
            lossy_methods=self.lossy_methods,
            stopped_early=given_up is not None or self.is_inert,
            metrics={name: each for name, each in results.items() if name != CLIP_LOSS},
            worst_losses=worst_of(self.losses.values(), len(self.losses)),
        )

    def timing(self, device: torch.device, faster: Estimate | None = None) -> dict[str, Any]:
        """The fields of a `Measurement` that come from the pairs.

        Args:
            device: Where they were timed.
            faster: The speedup to report; None means that of the pairs.
        """
        within = faster or speedup(self.baseline_latencies, self.latencies)
        faster = across_runs(within, self._host_bound_shift)
        host_share = 0.0 if self.gpu_bound is None else 1 - self.gpu_bound
        spread = latency_across_runs(latency(self.latencies), host_share)
        disturbed = self.monitor.report(device)
        return {
            "speedup": faster.value,
            "speedup_ci": (faster.low, faster.high),
            "latency_s": spread.value,
            "latency_ci_s": (spread.low, spread.high) if len(self.latencies) > 1 else None,
            "baseline_latency_s": geometric_mean(self.baseline_latencies),
            "latencies_s": tuple(self.latencies),
            "baseline_latencies_s": tuple(self.baseline_latencies),
            "peak_memory_mib": max(self.peak_memory, default=None),
            "device_shared": "shared" in disturbed,
            "gpu_bound": self.gpu_bound,
            "baseline_gpu_bound": self.baseline_gpu_bound,
            "disturbed": tuple(disturbed),
            "seconds": self.clock.seconds,
        }

    @property
    def _host_bound_shift(self) -> float:
        """By how much the point changes the host-bound share; on a CPU there is none."""
        if self.gpu_bound is None or self.baseline_gpu_bound is None:
            return 0.0
        return abs(self.gpu_bound - self.baseline_gpu_bound)


def _as_given_up(result: MetricResult, loss: Estimate) -> MetricResult:
    """A metric's result for a point that was given up: with the interval of that check."""
    ends = (loss.low, loss.high) if result.loss_ci else None
    return result.model_copy(update={"loss": loss.value, "loss_ci": ends})
