"""The settings of a stored study that differ from the pipeline's own."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path

from objectives.model_files.fingerprint import split_fingerprint
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.entry import PipelineEntry
from objectives.settings.generation import AskedLora, GenerationSettings
from objectives.settings.words import setting_words
from objectives.timing.device import is_cpu
from storage.records.protocol import Dtype, Lora
from storage.records.study import Study


def settings_of(study: Study) -> GenerationSettings:
    """The settings of a study that differ from the pipeline's own.

    The catalogue may no longer know the pipeline. Another model is assumed to have the size of the
    catalogue's own one.

    Args:
        study: The study.
    """
    protocol = study.protocol
    entry = PIPELINES.get(study.combination.pipeline)
    guidance, size = protocol.guidance_scale, (protocol.width, protocol.height)
    usual_size = None if entry is None else _native_size(entry.name)
    usual_dtype = None if entry is None else _usual_dtype(entry, study.device)
    return GenerationSettings(
        guidance_scale=None if entry and guidance == entry.guidance_scale else guidance,
        size=None if size == usual_size else size,
        dtype=None if protocol.dtype == usual_dtype else protocol.dtype,
        negative_prompt=protocol.negative_prompt,
        scheduler_options=study.scheduler_options,
        loras=tuple(AskedLora(lora_path(study, lora), lora.scale) for lora in protocol.loras),
    )


def measured_otherwise(study: Study, asked: GenerationSettings) -> str:
    """Why a study does not have the requested settings; empty if it has.

    Args:
        study: The study.
        asked: The requested settings; those that it does not name may have any value.

    Raises:
        InputError: If a requested LoRA does not exist.
    """
    protocol, names = study.protocol, asked.scheduler_options
    settings = {**study.scheduler_settings, **study.scheduler_options}
    has = GenerationSettings(
        guidance_scale=protocol.guidance_scale,
        size=(protocol.width, protocol.height),
        dtype=protocol.dtype,
        negative_prompt=protocol.negative_prompt,
        scheduler_options={name: settings[name] for name in names if name in settings},
    )
    for name in ("guidance_scale", "size", "dtype", "negative_prompt", "scheduler_options"):
        wanted, found = getattr(asked, name), getattr(has, name)
        if wanted not in (None, "", {}, found):
            words, other = (option_words(GenerationSettings(**{name: x})) for x in (wanted, found))
            return f"it was measured with {other or 'none'}, and {words} is asked for"
    if asked.loras and tuple(each.record for each in asked.find_loras()) != protocol.loras:
        found = ", ".join(lora.name for lora in protocol.loras) or "none"
        return f"its LoRAs differ from those asked for: {found}"
    return ""


def settings_note(study: Study) -> str:
    """Describe a study's settings; empty if all are the pipeline's own."""
    words = option_words(settings_of(study))
    return f"it was measured with {words}" if words else ""


def option_words(settings: GenerationSettings) -> str:
    """Settings as options of a command, quoted for a shell."""
    return " ".join(shlex.join(words) for words in setting_words(settings))


def lora_path(study: Study, lora: Lora) -> Path:
    """The last known place of a study's LoRA; only its name if none was kept."""
    kept = study.files.get(lora.name)
    return Path(kept or f"{split_fingerprint(lora.name)[0]}.safetensors")


@cache
def _native_size(pipeline: str) -> tuple[int, int]:
    """(width, height) that the catalogue's own model was made for."""
    entry = PIPELINES[pipeline]
    height, width = entry.size_with(entry.architecture)
    return width, height


def _usual_dtype(entry: PipelineEntry, device: str) -> Dtype:
    return "float32" if is_cpu(device) else entry.family.gpu_dtype
