"""From what a person asks for to everything that a study needs; nothing is loaded or written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from accel_space.method import Context
from accel_space.stack import Stack, find_methods
from objectives.environment import Environment, this_environment
from objectives.errors import InputError
from objectives.pipelines.architecture import Architecture
from objectives.pipelines.catalogue import PipelineEntry, find_pipeline
from objectives.pipelines.family import Dtype
from objectives.pipelines.model import Model, check_folder, find_folder, find_model
from objectives.pipelines.schedulers import (
    Settings,
    make_scheduler,
    scheduler_name,
    scheduler_profile,
    scheduler_settings,
)
from objectives.protocol import Protocol, prompts_fingerprint
from objectives.quality.scorer import ScorerSource, find_scorer
from objectives.timing.device import find_device
from studies.request import StudyRequest, check_numbers
from studies.sample import Sample, draw_sample

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Plan:
    """One study, ready to be run.

    Attributes:
        request: What was asked for.
        entry: The pipeline's entry in the catalogue.
        model: What is loaded.
        scorer: The open_clip model that scores.
        combination: Pipeline, scheduler, steps and methods, in their one spelling.
        scheduler_settings: What the scheduler is given besides the pipeline's own configuration.
        drawn: The prompts that are used: the search's, then the unseen ones that confirm.
        first: The place of the protocol's first prompt among them.
        protocol: How to measure.
        environment: Where.
        device: The same for torch.
        stack: The methods, in their context.
        notes: What a person should know of what was given, a line each.
    """

    request: StudyRequest
    entry: PipelineEntry
    model: Model
    scorer: ScorerSource
    combination: dict[str, Any]
    scheduler_settings: Settings
    drawn: list[str]
    first: int
    protocol: Protocol
    environment: Environment
    device: torch.device
    stack: Stack
    notes: tuple[str, ...] = ()

    @property
    def places(self) -> range:
        """The places of the protocol's prompts among those that are used."""
        return range(self.first, self.first + self.protocol.num_samples)

    @property
    def prompts(self) -> list[str]:
        """The protocol's prompts."""
        return self.drawn[self.first : self.places.stop]

    def confirmation(self) -> Plan | None:
        """The same on the unseen prompts, with the seeds that follow.

        Returns:
            None if they do not fill a batch, which would be timed under another load, or are too
            few for an interval.
        """
        protocol, unseen = self.protocol, self.drawn[self.places.stop :]
        if len(unseen) < max(2, protocol.batch_size):
            return None
        name = protocol.prompts.rpartition("@")[0]
        update = {
            "prompts": f"{name}@{prompts_fingerprint(unseen)}",
            "num_samples": len(unseen),
            "seed": protocol.seed + protocol.num_samples,
        }
        return replace(self, first=self.places.stop, protocol=protocol.model_copy(update=update))

    @property
    def study_name(self) -> str:
        """The name under which the study is stored: combination, then protocol and device."""
        return self.study_name_of(self.combination["methods"])

    def study_name_of(self, methods: Sequence[str]) -> str:
        """The name of the study that differs from this one in its methods only."""
        combination = self.combination
        parts = (
            combination["pipeline"],
            combination["scheduler"],
            str(combination["steps"]),
            "+".join(methods),
            self.digests[0],
        )
        return "--".join(parts)

    @property
    def digests(self) -> tuple[str, str]:
        """Of protocol, device and scheduler settings; and the same without any settings."""
        identity = [self.protocol.model_dump(), self.environment.device]
        # What is not there does not count, so that it renames no study that had none.
        with_settings = [*identity, *filter(None, [self.scheduler_settings])]
        texts = [json.dumps(each, sort_keys=True) for each in (with_settings, identity)]
        own, plain = (hashlib.sha256(text.encode()).hexdigest()[:8] for text in texts)
        return own, plain

    @property
    def baseline_identity(self) -> dict[str, Any]:
        """All that the baseline's pictures depend on: everything but the methods."""
        combination = {key: self.combination[key] for key in ("pipeline", "scheduler", "steps")}
        return {
            **combination,
            **({"scheduler_settings": settings} if (settings := self.scheduler_settings) else {}),
            "protocol": self.protocol.model_dump(),
            "environment": {
                "device": self.environment.device,
                "versions": {
                    name: version
                    for name, version in self.environment.versions.items()
                    if name not in {method.library for method in self.stack.methods}
                },
            },
        }


def make_plan(request: StudyRequest) -> Plan:
    """Check a request and complete it.

    Raises:
        InputError: If something given cannot be used.
        RefusedError: If the methods cannot work in this combination.
    """
    check_request(request)
    entry = find_pipeline(request.pipeline)
    if request.model is None:
        # What cannot work is refused before gigabytes are fetched.
        make_stack(request, entry, entry.architecture)
    model = find_model(entry, request.model, request.revision)
    stack = make_stack(request, entry, model.architecture)
    sample = _sample(request, entry)
    scorer = find_scorer(request.scorer or entry.scorer)
    device = find_device(request.device)
    return Plan(
        request=request,
        entry=entry,
        model=model,
        scorer=scorer,
        combination={
            "pipeline": entry.name,
            "scheduler": scheduler_name(request.scheduler),
            "steps": request.steps,
            "methods": [method.name for method in stack.methods],
        },
        scheduler_settings=scheduler_settings(
            scheduler_name(request.scheduler), model.architecture.scheduler, entry.pipeline_class
        ),
        drawn=sample.prompts + sample.unseen,
        first=0,
        protocol=_protocol(
            request, entry, model, scorer, sample.prompts, entry.family.dtype_on(device)
        ),
        environment=this_environment(device, stack.methods),
        device=device,
        stack=stack,
        notes=sample.notes,
    )


def check_request(request: StudyRequest) -> None:
    """Check what can be told without a heavy library, which takes seconds to import.

    Raises:
        InputError: If something given cannot be used.
        RefusedError: If a method is unknown, or two are in conflict.
    """
    check_numbers(request)
    entry = find_pipeline(request.pipeline)
    find_methods(request.methods)
    _sample(request, entry)
    folder = find_folder(entry, request.model, request.revision)
    if folder is not None:
        check_folder(entry, folder)


def make_stack(request: StudyRequest, entry: PipelineEntry, architecture: Architecture) -> Stack:
    """Check that a combination can work, on configurations alone.

    Args:
        request: What was asked for.
        entry: The pipeline's entry in the catalogue.
        architecture: The model's.

    Raises:
        InputError: If the scheduler is unknown or does not suit the model.
        RefusedError: If the methods cannot work in this combination.
    """
    if not request.methods:
        raise InputError("a study needs at least one method; give --methods")
    methods = [method.name for method in find_methods(request.methods)]
    name, config = scheduler_name(request.scheduler), architecture.scheduler
    settings = scheduler_settings(name, config, entry.pipeline_class)
    scheduler = make_scheduler(name, config, settings)
    return Stack(
        Context(
            profile=architecture.profile(*architecture.native_size),
            scheduler=scheduler_profile(scheduler, request.steps),
            steps=request.steps,
            guidance_scale=entry.guidance_scale,
            methods=frozenset(methods),
        )
    )


def _sample(request: StudyRequest, entry: PipelineEntry) -> Sample:
    """Draw the prompts."""
    return draw_sample(
        request.prompts or entry.prompts,
        request.num_samples,
        entry.num_samples,
        request.seed,
        request.confirm,
    )


def _protocol(
    request: StudyRequest,
    entry: PipelineEntry,
    model: Model,
    scorer: ScorerSource,
    prompts: list[str],
    dtype: Dtype,
) -> Protocol:
    file = request.prompts or entry.prompts
    height, width = model.architecture.native_size
    return Protocol(
        model=model.name,
        scorer=scorer.name,
        prompts=f"{file.name}@{prompts_fingerprint(prompts)}",
        prompts_seed=request.seed,
        num_samples=len(prompts),
        batch_size=min(request.batch_size or entry.batch_size, len(prompts)),
        height=height,
        width=width,
        guidance_scale=entry.guidance_scale,
        dtype=dtype,
        seed=request.seed,
        timed=entry.family.timed,
    )
