"""The shapes of what is kept on a study and on its trials; what has another shape is not ours.

A database is anybody's to write to, by Optuna's own API too. Whoever reads one checks with these,
and believes nothing else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_core import from_json
from typing_extensions import TypedDict

from storage.records.combination import Combination
from storage.records.environment import Environment
from storage.records.protocol import Protocol
from storage.records.record import Count, Number, Positive, Value
from storage.records.study import Space

Interval = Annotated[list[Number] | tuple[Number, ...], Field(min_length=2, max_length=2)]

STRICT = ConfigDict(strict=True, extra="allow")


@with_config(STRICT)
class Study(TypedDict):
    """The attributes of a study."""

    combination: Combination
    scheduler_settings: NotRequired[dict[str, bool | Value | str]]
    doubt: NotRequired[str]
    model_origin: NotRequired[dict[str, Any]]
    files: NotRequired[dict[str, str]]
    protocol: Protocol
    environment: Environment
    space: Space
    loss_budget: Annotated[float, Field(gt=-1, lt=1)]
    budgets: NotRequired[dict[str, Number]]


@with_config(STRICT)
class Metric(TypedDict):
    """What a measurement keeps of a metric besides the fields that it always had."""

    value: Number
    loss: Number
    loss_ci: Interval | None
    samples: Count


@with_config(STRICT)
class Measured(TypedDict):
    """The attribute `measurement` of a trial, as objectives/measurement.py lists it."""

    speedup: Positive
    speedup_ci: Interval
    clip_loss: Number
    clip_loss_ci: Interval
    latency_s: Positive
    latency_ci_s: Interval | None
    baseline_latency_s: Positive
    latencies_s: list[Positive]
    baseline_latencies_s: list[Positive]
    image_similarity: Number
    psnr_db: float
    clip_score: Number
    baseline_clip_score: Number
    peak_memory_mib: Number | None
    device_shared: bool
    gpu_bound: NotRequired[Number | None]
    baseline_gpu_bound: NotRequired[Number | None]
    hits: NotRequired[Number | None]
    disturbed: NotRequired[list[str]]
    samples: Count
    stopped_early: bool
    seconds: dict[str, Number]
    metrics: NotRequired[dict[str, Metric]]


@with_config(STRICT)
class Look(Measured):
    """The same of a second look."""

    look: Literal["timed again", "confirmed"]


@with_config(STRICT)
class Trial(TypedDict):
    """A completed trial of ours: its two values and its two attributes."""

    number: Count
    speedup: Positive
    clip_loss: Number
    point: dict[str, Value]
    measurement: Measured


@with_config(STRICT)
class Second(TypedDict):
    """A second look of ours: its attributes."""

    duplicate_of: Count
    measurement: Look


STUDY: TypeAdapter[Study] = TypeAdapter(Study)
TRIAL: TypeAdapter[Trial] = TypeAdapter(Trial)
MEASURED: TypeAdapter[Measured] = TypeAdapter(Measured)
SECOND: TypeAdapter[Second] = TypeAdapter(Second)


def parsed(text: str) -> Any:
    """What a JSON text holds; None, which no shape takes, if it is none."""
    try:
        return from_json(text)
    except ValueError:
        return None


def why_not(error: ValidationError) -> str:
    """The first thing that is wrong, with where it is, in one line."""
    [first, *_] = error.errors(include_url=False, include_input=False)
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg'].lower()}"
