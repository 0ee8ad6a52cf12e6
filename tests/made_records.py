"""Records of made-up studies, as far as tests share them."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

from storage.records.combination import Combination
from storage.records.measurement import Measurement
from storage.records.protocol import Protocol
from storage.records.trial import Trial

AnyRecord = TypeVar("AnyRecord", bound=BaseModel)


def changed(record: AnyRecord, **changes: Any) -> AnyRecord:
    """A record with other values in some of its fields, checked as those of a new one are."""
    fields = {name: getattr(record, name) for name in record.model_fields_set}
    return type(record).model_validate(fields | changes)


def made_combination(
    *methods: str, pipeline: str = "tiny-shapes", scheduler: str = "DDIM", steps: int = 20
) -> Combination:
    """A combination of tiny-shapes, with DeepCache alone if nothing is given."""
    return Combination(
        pipeline=pipeline, scheduler=scheduler, steps=steps, methods=methods or ("deepcache",)
    )


def made_protocol(**changes: Any) -> Protocol:
    """A protocol of 8 prompts.

    Args:
        changes: Fields that differ.
    """
    fields = {
        "model": "a/model@0123abcd", "scorer": "a scorer", "prompts": "prompts.txt@0123abcd",
        "num_samples": 8, "batch_size": 4, "height": 64, "width": 64, "guidance_scale": 12.0,
        "dtype": "float16", "seed": 0,
    }  # fmt: skip
    return Protocol.model_validate(fields | changes)


def made_measurement(
    speedup: float = 2.0, clip_loss: float = 0.01, baseline_s: float = 1.0, **changes: Any
) -> Measurement:
    """A measurement whose intervals are 0.05 of the speedup and 0.01 of the loss to either side.

    Args:
        speedup: Its speedup.
        clip_loss: Its CLIP loss.
        baseline_s: Seconds a picture without acceleration.
        changes: Fields that differ.
    """
    baseline_score = 0.8
    fields = {
        "speedup": speedup,
        "speedup_ci": [speedup - 0.05, speedup + 0.05],
        "clip_loss": clip_loss,
        "clip_loss_ci": [clip_loss - 0.01, clip_loss + 0.01],
        "latency_s": baseline_s / speedup,
        "latency_ci_s": [baseline_s / (speedup + 0.05), baseline_s / (speedup - 0.05)],
        "baseline_latency_s": baseline_s,
        "latencies_s": [baseline_s / speedup] * 2,
        "baseline_latencies_s": [0.99 * baseline_s, 1.01 * baseline_s],
        "image_similarity": 0.95,
        "psnr_db": 25.0,
        "clip_score": baseline_score * (1 - clip_loss),
        "baseline_clip_score": baseline_score,
        "peak_memory_mib": None,
        "device_shared": False,
        "samples": 8,
        "stopped_early": False,
        "seconds": {"generate": 6.0, "score": 4.0},
    }
    return Measurement.model_validate(fields | changes)


def made_point(
    number: int,
    params: dict[str, int | float] | None = None,
    speedup: float = 2.0,
    clip_loss: float = 0.01,
    **measured: Any,
) -> Trial:
    """A point that was measured in full.

    Args:
        number: The trial's number.
        params: The point; None is one of its own.
        speedup: Its speedup.
        clip_loss: Its CLIP loss.
        measured: Other fields of its measurement, as `made_measurement` takes them.
    """
    return Trial(
        number=number,
        params={"a": number} if params is None else params,
        speedup=speedup,
        loss=clip_loss,
        measurement=made_measurement(speedup, clip_loss, **measured),
    )
