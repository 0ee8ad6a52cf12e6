"""A point away from its study: what was measured of it and how, as a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from generator.artefacts.point_faults import first_fault, unknown_key
from objectives.errors import InputError
from objectives.files import require_regular
from objectives.pipelines.schedulers import scheduler_name
from objectives.settings.generation import SIDES
from storage.foreign import shown
from storage.records.budgets import Budgets
from storage.records.combination import Combination
from storage.records.environment import Environment
from storage.records.measurement import Interval, MetricResult, Words
from storage.records.protocol import Protocol
from storage.records.record import Count, Learned, Number, Positive, Record, Value
from storage.records.study import Origin, Study
from storage.records.trial import Trial

FORMAT: Literal["accelfront point"] = "accelfront point"

VERSION = 1
"""Of the format; every new key raises it. A file of a greater one says more than is read here."""


class Figures(Record):
    """What a point came to, as it is judged; intervals are (low, high) at 95%.

    A confirmed point is judged by the loss of both measurements and by the speed of the second.

    Attributes:
        speedup: Baseline latency / accelerated latency.
        speedup_ci: Its interval.
        latency_s: Seconds per picture, in batches of the protocol's size.
        latency_ci_s: Its interval; None if one pair alone was timed.
        baseline_latency_s: The baseline's beside it.
        clip_loss: Relative loss of the mean CLIP score.
        clip_loss_ci: Its interval.
        image_similarity: Mean CLIP cosine to the baseline's picture of the same prompt and seed.
        metrics: All other metrics, by name.
        samples: How many prompts its losses are of.
        confirmed: Whether it was measured again on prompts that the search did not see.
        peak_memory_mib: Most memory of a batch; None on a CPU.
        warmup_s: Seconds of the first generation, which compiles and captures; None if none is.
        hits: The share of the denoiser's calls in which a dynamic cache reused something.
    """

    speedup: Positive
    speedup_ci: Interval
    latency_s: Positive
    latency_ci_s: Interval | None
    baseline_latency_s: Positive
    clip_loss: Number
    clip_loss_ci: Interval
    image_similarity: Number
    metrics: dict[str, MetricResult]
    samples: Count
    confirmed: bool
    peak_memory_mib: Number | None = None
    warmup_s: Number | None = None
    hits: Number | None = None


class Promised(Record):
    """What a point was chosen to keep.

    Attributes:
        budgets: The greatest loss by metric, and the most peak memory.
        chance_inside: The chance that its true figures are inside all of them.
    """

    budgets: dict[str, Number]
    chance_inside: float = Field(ge=0, le=1)


class Provenance(Record):
    """Where a point comes from.

    Attributes:
        study: The name of its study.
        trial: The number of its trial.
        model: Where the study had its model from.
    """

    study: str
    trial: Count
    model: Origin = Origin()


class Point(Record):
    """One measured point, with all that it takes to apply it and to know what it is worth.

    Attributes:
        format: Tells the file from others.
        version: Of the format.
        combination: What it accelerates, and with what.
        params: The point, its parameters as `method.parameter`.
        lossy_methods: The methods that leave something out at it; the other lossy ones were not
            applied. None in studies from before they were kept.
        learned: By method what its study learned of the plain pipe.
        scheduler_settings: What its scheduler was given besides the pipeline's own configuration.
        protocol: How it was measured.
        environment: Where.
        figures: What it came to.
        promised: What it was chosen to keep.
        provenance: Where it comes from.
    """

    format: Literal["accelfront point"]
    version: int = Field(ge=1, le=VERSION)
    combination: Combination
    params: dict[str, Value]
    lossy_methods: Words | None = None
    learned: dict[str, Learned] = Field(default_factory=dict)
    scheduler_settings: dict[str, bool | Value | str] = Field(default_factory=dict)
    protocol: Protocol
    environment: Environment
    figures: Figures
    promised: Promised
    provenance: Provenance

    @classmethod
    def of(cls, study: Study, trial: Trial, budgets: Budgets | None = None) -> Point:
        """The point of a trial.

        Args:
            study: The trial's study.
            trial: The trial.
            budgets: What it is to keep; None is the study's.
        """
        kept = budgets or study.budgets
        return cls(
            format=FORMAT,
            version=VERSION,
            combination=study.combination,
            params=trial.params,
            lossy_methods=trial.measurement.lossy_methods,
            learned=study.learned,
            scheduler_settings=study.scheduler_settings,
            protocol=study.protocol,
            environment=study.environment,
            figures=_figures(trial),
            promised=Promised(budgets=kept.limits(), chance_inside=trial.chance_written(kept)),
            provenance=Provenance(study=study.name, trial=trial.number, model=study.origin),
        )

    @classmethod
    def read(cls, path: Path) -> Point:
        """Read the file of a point.

        Raises:
            InputError: If there is no such file, or it holds no point.
        """
        try:
            require_regular(path)
            content = json.loads(path.read_bytes())
        except OSError as error:
            raise InputError(
                f"cannot read the point {path}: {error.strerror}; give a file that "
                "`accelfront generate --as json` wrote"
            ) from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is not JSON, so it is no point; {_STEP}") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InputError(f"{path} is JSON, but no point of accelfront; {_STEP}")
        version = content.get("version")
        if isinstance(version, int) and version > VERSION:
            raise InputError(
                f"{path} is a point of format {version}, and this release reads up to {VERSION}; "
                "upgrade accelfront"
            )
        try:
            point = cls.model_validate(content)
            wrong = _what_no_point_holds(point)
        except ValidationError as error:
            wrong = first_fault(error, content)
        if wrong:
            raise InputError(f"{path} is not the point that was written: {wrong}; {_STEP}")
        return point

    def text(self) -> str:
        """The file's text."""
        return self.model_dump_json(indent=2) + "\n"


_STEP = "`accelfront generate --as json` writes points"


def _figures(trial: Trial) -> Figures:
    judged = trial.judged
    return Figures(
        speedup=trial.judged_speedup,
        speedup_ci=judged.speedup_ci,
        latency_s=judged.latency_s,
        latency_ci_s=judged.latency_ci_s,
        baseline_latency_s=judged.baseline_latency_s,
        clip_loss=trial.judged_clip_loss,
        clip_loss_ci=judged.clip_loss_ci,
        image_similarity=judged.image_similarity,
        metrics=judged.metrics,
        samples=judged.samples,
        confirmed=trial.confirmed is not None,
        peak_memory_mib=judged.peak_memory_mib,
        warmup_s=trial.warmup_s,
        hits=judged.hits,
    )


def _what_no_point_holds(point: Point) -> str:
    """What of a point no study of ours can have measured; empty if there is nothing."""
    combination, protocol = point.combination, point.protocol
    if name := unknown_key(point):
        return f"it has {name}, which no point of format {VERSION} has"
    try:
        scheduler = scheduler_name(combination.scheduler)
    except InputError as error:
        return f"combination.scheduler: {error}"
    if scheduler != combination.scheduler:
        return f"combination.scheduler must be {scheduler}, not {shown(combination.scheduler)}"
    for method in point.lossy_methods or ():
        if method not in combination.methods:
            return f"lossy_methods has {shown(method)}, which combination.methods has not"
    for side in ("height", "width"):
        if (pixels := getattr(protocol, side)) not in SIDES:
            return f"protocol.{side} must be from {SIDES[0]} to {SIDES[-1]} pixels, not {pixels}"
    return ""
