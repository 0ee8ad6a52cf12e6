"""The protocol of a request: how its points are measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from objectives.pipelines.entry import PipelineEntry
from objectives.pipelines.loras import FoundLora
from objectives.pipelines.model import Model
from objectives.prompts import prompts_fingerprint
from objectives.quality.metric import Use, Weights
from objectives.quality.scorer import ScorerSource
from storage.records.protocol import Dtype, MetricWeights, Protocol
from studies.planning.metrics import kept_metrics
from studies.request import StudyRequest


def make_protocol(
    request: StudyRequest,
    entry: PipelineEntry,
    model: Model,
    scorer: ScorerSource,
    prompts: list[str],
    dtype: Dtype,
    loras: Sequence[FoundLora],
    weights: Mapping[str, Weights],
) -> Protocol:
    """Complete a request with the pipeline's defaults.

    Args:
        request: The request.
        entry: The pipeline's entry in the catalogue.
        model: The model.
        scorer: The open_clip model that scores.
        prompts: The prompts of the search.
        dtype: The type of the weights.
        loras: The LoRAs fused into the weights.
        weights: The files that the metrics load.
    """
    file, chosen = request.prompts or entry.prompts, request.generation
    height, width = chosen.size_with(entry, model.architecture)
    return Protocol(
        model=model.name,
        scorer=scorer.name,
        prompts=f"{file.name}@{prompts_fingerprint(prompts)}",
        prompts_seed=request.seed,
        num_samples=len(prompts),
        batch_size=min(request.batch_size or entry.batch_size, len(prompts)),
        height=height,
        width=width,
        guidance_scale=chosen.guidance_with(entry),
        dtype=dtype,
        seed=request.seed,
        timed=entry.family.timed,
        negative_prompt=chosen.negative_prompt,
        loras=tuple(lora.record for lora in loras),
        metrics=kept_metrics(request, Use(prompts, scorer.name, height, width)),
        weights=recorded(weights),
        loss=request.loss,
    )


def recorded(weights: Mapping[str, Weights]) -> tuple[MetricWeights, ...]:
    """Return the metrics' weights as a protocol keeps them."""
    return tuple(MetricWeights(metric=name, name=each.name) for name, each in weights.items())
