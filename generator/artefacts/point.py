"""A point outside its study: how it was measured and with which figures, as a JSON file."""

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
"""Version of the format. Every new key raises it; files of a later version are refused."""


class Figures(Record):
    """A point's figures, as it is judged; intervals are (low, high) at 95%.

    A confirmed point is judged by the loss of both measurements and the speed of the second.

    Attributes:
        speedup: Baseline latency / accelerated latency.
        speedup_ci: Its interval.
        latency_s: Seconds per picture, in batches of the protocol's size.
        latency_ci_s: Its interval; None if only one pair was timed.
        baseline_latency_s: The baseline's, timed side by side.
        clip_loss: Relative loss of the mean CLIP score.
        clip_loss_ci: Its interval.
        image_similarity: Mean CLIP cosine to the baseline's picture of the same prompt and seed.
        metrics: All other metrics, by name.
        samples: The number of prompts that its losses are averaged over.
        confirmed: Whether it was measured again on prompts that the search did not see.
        peak_memory_mib: Peak memory of a batch; None on a CPU.
        warmup_s: Seconds of the first generation, which compiles and captures; None without either.
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
    """The budgets that a point was chosen to keep.

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
        model: Where the study loaded its model from.
    """

    study: str
    trial: Count
    model: Origin = Origin()


class Point(Record):
    """One measured point, with everything needed to apply it and to judge it.

    Attributes:
        format: Distinguishes the file from others.
        version: Version of the format.
        combination: What it accelerates, and with which methods.
        params: The point's parameters, as `method.parameter`.
        lossy_methods: The methods that leave something out at it; other lossy ones were not
            applied. None for studies from before they were kept.
        learned: By method, what its study learned from the plain pipe.
        scheduler_settings: Settings of its scheduler on top of the pipeline's own configuration.
        protocol: How it was measured.
        environment: Where it was measured.
        figures: The results.
        promised: The budgets that it was chosen to keep.
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
            budgets: The budgets that it is to keep; None means the study's.
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
    """What in a point none of our studies can have measured; empty if there is nothing."""
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
