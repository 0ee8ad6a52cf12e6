"""The settings that a stored study was measured under, where they are not the pipeline's own."""

from __future__ import annotations

from pathlib import Path

from objectives.model_files.fingerprint import split_fingerprint
from objectives.pipelines.catalogue import PIPELINES, PipelineEntry
from objectives.pipelines.model import is_own
from objectives.settings.generation import AskedLora, GenerationSettings
from objectives.timing.device import is_cpu
from storage.records.protocol import Dtype, Lora
from storage.records.study import Study


def settings_of(study: Study) -> GenerationSettings:
    """The settings that make the study's pictures, of a pipeline that may be known no more.

    Args:
        study: The study.
    """
    protocol = study.protocol
    entry = PIPELINES.get(study.combination.pipeline)
    guidance, size = protocol.guidance_scale, (protocol.width, protocol.height)
    usual_size = None if entry is None else _usual_size(entry, protocol.model)
    usual_dtype = None if entry is None else _usual_dtype(entry, study.device)
    return GenerationSettings(
        guidance_scale=None if entry and guidance == entry.guidance_scale else guidance,
        size=None if size == usual_size else size,
        dtype=None if protocol.dtype == usual_dtype else protocol.dtype,
        negative_prompt=protocol.negative_prompt,
        scheduler_options=study.scheduler_options,
        loras=tuple(AskedLora(lora_path(study, lora), lora.scale) for lora in protocol.loras),
    )


def lora_path(study: Study, lora: Lora) -> Path:
    """Where a LoRA of a study lay at last; its name alone where that was not kept."""
    kept = study.files.get(lora.name)
    return Path(kept or f"{split_fingerprint(lora.name)[0]}.safetensors")


def _usual_size(entry: PipelineEntry, model: str) -> tuple[int, int] | None:
    """(width, height) that the catalogue's own model was made for; None of another model."""
    if not is_own(entry, model):
        return None
    height, width = entry.architecture.native_size
    return width, height


def _usual_dtype(entry: PipelineEntry, device: str) -> Dtype:
    return "float32" if is_cpu(device) else entry.family.gpu_dtype
