"""From a request to a plan: all that a study needs; nothing is loaded or written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from accel_space.applying import find_methods
from accel_space.method import Learned
from accel_space.stack import Stack
from objectives.environment import this_environment
from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.entry import PipelineEntry
from objectives.pipelines.loras import LIBRARY, FoundLora, check_takes_loras
from objectives.pipelines.model import Model, check_folder, find_folder, find_model
from objectives.pipelines.schedulers import Settings, scheduler_name
from objectives.prompts import prompts_fingerprint
from objectives.quality.metric import Weights
from objectives.quality.scorer import ScorerSource, find_scorer
from objectives.settings.notes import generation_notes
from objectives.timing.device import find_device
from storage.records.budgets import CLIP_LOSS, MEMORY
from storage.records.combination import Combination
from storage.records.environment import Environment
from storage.records.protocol import Protocol, study_digest
from studies.planning.metrics import check_metrics, kept_metrics
from studies.planning.protocol import make_protocol
from studies.planning.sample import Sample, draw_sample
from studies.planning.stacks import check_machine, make_stack, scheduler_settings
from studies.planning.weights import find_weights
from studies.request import StudyRequest, check_numbers

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Plan:
    """One study, ready to be run.

    Attributes:
        request: The request.
        entry: The pipeline's entry in the catalogue.
        model: The model to load.
        scorer: The open_clip model that scores.
        weights: The files that the metrics load.
        combination: The pipeline, the scheduler, the steps and the methods.
        scheduler_settings: Settings of the scheduler beyond the pipeline's own configuration.
        scheduler_options: The settings among them that the request chose.
        drawn: All prompts: those of the search, then the unseen ones of the confirmation.
        first: The index in `drawn` of the protocol's first prompt.
        protocol: How to measure.
        environment: The device and the library versions.
        device: The device, for torch.
        stack: The methods, in their context.
        loras: The LoRAs to fuse into the model.
        notes: Notes on the given files for the person, one line each.
    """

    request: StudyRequest
    entry: PipelineEntry
    model: Model
    scorer: ScorerSource
    weights: Mapping[str, Weights]
    combination: Combination
    scheduler_settings: Settings
    scheduler_options: Settings
    drawn: list[str]
    first: int
    protocol: Protocol
    environment: Environment
    device: torch.device
    stack: Stack
    loras: tuple[FoundLora, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def places(self) -> range:
        """The indices of the protocol's prompts in `drawn`."""
        return range(self.first, self.first + self.protocol.num_samples)

    @property
    def prompts(self) -> list[str]:
        """The protocol's prompts."""
        return self.drawn[self.first : self.places.stop]

    def confirmation(self) -> Plan | None:
        """The plan of the confirmation: the unseen prompts, with the seeds that follow.

        Returns:
            None if the unseen prompts are too few for an interval, or too few to fill a batch,
            because a smaller batch is a different load.
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

    def knowing(self, learned: Mapping[str, Learned]) -> Plan:
        """Return the same plan with what its methods have learned from the plain pipe."""
        return replace(self, stack=Stack(replace(self.stack.context, learned=learned)))

    @property
    def study_name(self) -> str:
        """The name under which the study is stored: combination, then protocol and device."""
        return self.combination.study_name(self.digests[0])

    def study_name_with(self, *methods: str) -> str:
        """Return the name of the study that differs from this one only in its methods."""
        combination = self.combination.model_copy(update={"methods": methods})
        return combination.study_name(self.digests[0])

    @property
    def digests(self) -> tuple[str, str]:
        """The digests of protocol and device, with the scheduler settings and without."""
        protocol, device = self.protocol, self.environment.device
        return study_digest(protocol, device, self.scheduler_settings), study_digest(
            protocol, device, {}
        )

    @property
    def baseline_identity(self) -> dict[str, Any]:
        """All that the baseline's pictures depend on: everything but the methods."""
        return {
            **self.combination.model_dump(include={"pipeline", "scheduler", "steps"}),
            **({"scheduler_settings": settings} if (settings := self.scheduler_settings) else {}),
            # The pictures do not depend on what is measured.
            "protocol": self.protocol.model_copy(update={"loss": CLIP_LOSS}).identity,
            "environment": {
                "device": self.environment.device,
                "versions": {
                    name: version
                    for name, version in self.environment.versions.items()
                    if name not in {method.library for method in self.stack.methods}
                },
            },
        }


def make_plan(request: StudyRequest, given: Model | None = None) -> Plan:
    """Check a request and complete it.

    Args:
        request: The request.
        given: A model that a person has loaded; None finds the model of the request.

    Raises:
        InputError: If a given value or file cannot be used.
        RefusedError: If the methods cannot work in this combination.
    """
    check_request(request)
    weights = find_weights(request)
    entry = find_pipeline(request.pipeline)
    loras = request.generation.find_loras()
    check_takes_loras(entry.pipeline_class, loras, is_given=given is not None)
    device = find_device(request.device)
    dtype = request.generation.dtype_with(entry, device)
    model, stack = _model_and_stack(request, entry, given, device)
    sample = _sample(request, entry)
    scorer = find_scorer(request.scorer or entry.scorer)
    _check_memory_budget(request, device)
    settings, options = scheduler_settings(request, entry, model.architecture)
    protocol = make_protocol(request, entry, model, scorer, sample.prompts, dtype, loras, weights)
    check_metrics(protocol, sample.prompts + sample.unseen)
    combination = Combination(
        pipeline=entry.name,
        scheduler=scheduler_name(request.scheduler),
        steps=request.steps,
        methods=tuple(method.name for method in stack.methods),
    )
    return Plan(
        request=request,
        entry=entry,
        model=model,
        scorer=scorer,
        weights=weights,
        combination=combination,
        scheduler_settings=settings,
        scheduler_options=options,
        drawn=sample.prompts + sample.unseen,
        first=0,
        protocol=protocol,
        environment=this_environment(device, stack.methods, [LIBRARY] if loras else []),
        device=device,
        stack=stack,
        loras=loras,
        notes=(
            *sample.notes,
            *generation_notes(combination, protocol, model.architecture, loras, device.type),
        ),
    )


def _model_and_stack(
    request: StudyRequest, entry: PipelineEntry, given: Model | None, device: torch.device
) -> tuple[Model, Stack]:
    """Find the model, and the stack as it works there."""
    stack = None
    if request.model is None and given is None:
        # Refuse an impossible combination before downloading gigabytes.
        stack = make_stack(request, entry, entry.architecture, device.type)
    model = given or find_model(entry, request.model, request.revision)
    if stack is None or not model.architecture.works_as(entry.architecture):
        stack = make_stack(request, entry, model.architecture, device.type)
    check_machine(stack)
    request.generation.check_used(stack.context.profile)
    return model, stack


def check_request(request: StudyRequest) -> None:
    """Check everything that needs no heavy library, because those take seconds to import.

    Raises:
        InputError: If a given value or file cannot be used.
        RefusedError: If a method is unknown, or two are in conflict.
    """
    check_numbers(request)
    entry = find_pipeline(request.pipeline)
    find_methods(request.methods)
    request.generation.find_loras()
    kept_metrics(request)
    _sample(request, entry)
    folder = find_folder(entry, request.model, request.revision)
    if folder is not None:
        check_folder(entry, folder)


def _check_memory_budget(request: StudyRequest, device: torch.device) -> None:
    """Raise InputError if memory is limited on a device whose memory is not measured."""
    if device.type == "cpu" and request.conditions.get(MEMORY) is not None:
        raise InputError(
            "--budget memory limits a GPU's memory, and the device is cpu; leave it out, or give "
            "--device cuda"
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
