"""Measurements made of a speedup and a loss, for studies that measure nothing."""

from __future__ import annotations

from objectives.statistics import Estimate
from storage.records.measurement import Measurement


def made_measurement(
    speedup: Estimate,
    loss: Estimate,
    samples: int,
    baseline_s: float,
    stopped_early: bool = False,
    pairs: int = 1,
) -> Measurement:
    """What a study keeps of a point, as far as it follows from these; the rest is filler.

    Args:
        speedup: The speedup with its interval.
        loss: The CLIP loss with its interval.
        samples: Prompts that it was measured on.
        baseline_s: Latency of the baseline, in seconds.
        stopped_early: Whether it was given up.
        pairs: How many pairs were timed, all the same.
    """
    latency_s = baseline_s / speedup.value
    return Measurement(
        speedup=speedup.value,
        speedup_ci=(speedup.low, speedup.high),
        clip_loss=loss.value,
        clip_loss_ci=(loss.low, loss.high),
        latency_s=latency_s,
        latency_ci_s=None,
        baseline_latency_s=baseline_s,
        latencies_s=(latency_s,) * pairs,
        baseline_latencies_s=(baseline_s,) * pairs,
        image_similarity=0.95,
        psnr_db=25.0,
        clip_score=0.3,
        baseline_clip_score=0.31,
        peak_memory_mib=None,
        device_shared=False,
        samples=samples,
        stopped_early=stopped_early,
        seconds={},
    )
