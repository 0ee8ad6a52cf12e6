"""Loading a pipeline as the protocol wants it."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from objectives.errors import LoadError, MeasurementError, reason_of
from objectives.model_files.layout import loaded_parts, part_variant
from objectives.pipelines.conditioning import Conditioning, Plain
from objectives.pipelines.entry import PipelineEntry
from objectives.pipelines.loras import FoundLora, fuse
from objectives.pipelines.model import Model

if TYPE_CHECKING:
    import torch

REMEDY = "save it anew with pipe.save_pretrained(FOLDER), or give another --model"


def load_pipeline(
    entry: PipelineEntry,
    model: Model,
    dtype: str,
    device: torch.device,
    loras: Sequence[FoundLora] = (),
) -> Any:
    """Load a pipeline from its folder: safetensors only, no code, no network.

    A family's `encoders` are left out. A pipeline that a person has loaded is used as it is.

    Args:
        entry: The pipeline's entry in the catalogue.
        model: Where its weights are.
        dtype: Name of the torch dtype of the weights.
        device: Where the pipeline is to run.
        loras: The LoRAs to fuse into the weights.
    """
    pipe = model.pipe or _from_pretrained(entry, model, dtype, device, entry.family.encoders, loras)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def load_whole_pipeline(
    entry: PipelineEntry,
    model: Model,
    dtype: str,
    device: torch.device,
    loras: Sequence[FoundLora],
) -> Any:
    """Load a pipeline with its encoders, so that it can be called with prompts.

    The arguments are those of `load_pipeline`.
    """
    pipe = _from_pretrained(entry, model, dtype, device, (), loras)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def load_conditioning(
    entry: PipelineEntry,
    model: Model,
    prompts: Sequence[str],
    dtype: str,
    device: torch.device,
    negative_prompt: str = "",
) -> Conditioning:
    """Prepare the prompts as the pipeline's call takes them.

    A family's `encoders` are loaded alone, encode all prompts and are freed again, so that they
    are never in memory with the denoiser.

    Args:
        entry: The pipeline's entry in the catalogue.
        model: Where its weights are.
        prompts: The protocol's prompts.
        dtype: Name of the torch dtype of the weights.
        device: Where to encode.
        negative_prompt: What every picture is guided away from; empty for nothing.
    """
    family, longest = entry.family, entry.max_sequence_length
    if not family.encoders:
        return Plain(prompts, negative_prompt)
    if model.pipe is not None:
        return family.encode(model.pipe, prompts, negative_prompt, longest)
    encoder = _from_pretrained(entry, model, dtype, device, (family.values.denoiser, "vae"))
    encoded = family.encode(encoder, prompts, negative_prompt, longest)
    del encoder
    free_memory()
    return encoded


def _from_pretrained(
    entry: PipelineEntry,
    model: Model,
    dtype: str,
    device: torch.device,
    left_out: Sequence[str],
    loras: Sequence[FoundLora] = (),
) -> Any:
    """Load a pipeline without the parts that are left out.

    Raises:
        LoadError: If diffusers or transformers cannot make sense of a file.
        MeasurementError: If the device's memory is too small.
    """
    import diffusers
    import torch

    folder = model.folder
    assert folder is not None  # Otherwise a person has loaded it.
    parts = {**entry.parts, **dict.fromkeys(left_out)}
    try:
        pipe = getattr(diffusers, entry.pipeline_class).from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            **{**parts, **_networks(folder, model.variant, dtype, parts)},
        )
        # Before the move to the device, where sums may be made in another order.
        fuse(pipe, loras)
        return pipe.to(device)
    except torch.OutOfMemoryError as error:
        raise MeasurementError(
            f"{entry.name} does not fit on {device}: {reason_of(error)}"
        ) from error
    except LoadError:
        raise
    except Exception as error:
        # They raise errors of any kind; ours names the folder and the reason.
        raise LoadError(f"the model of {entry.name}", folder, error, REMEDY) from error


def _networks(
    folder: Path, variant: str | None, dtype: str, parts: Mapping[str, Any]
) -> dict[str, Any]:
    """Load the networks of a pipeline, each by itself, to learn which tensors no file holds.

    A pipeline's own loading hides them: transformers fills them randomly, diffusers leaves them
    empty.

    Raises:
        LoadError: If a network lacks a tensor.
    """
    import diffusers
    import torch
    import transformers

    libraries = {"diffusers": diffusers, "transformers": transformers}
    loaded = {}
    for part in loaded_parts(folder, {name for name, value in parts.items() if value is None}):
        if not part.has_weights:
            continue
        where = folder / part.name
        own_variant = part_variant(where, variant)
        network = getattr(libraries[part.library], part.class_name)
        loaded[part.name], report = network.from_pretrained(
            where,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **({} if own_variant is None else {"variant": own_variant}),
        )
        if missing := sorted(report["missing_keys"]):
            count = f"{len(missing)} of its tensors are" if missing[1:] else "a tensor of it is"
            reason = f"{count} in no file, such as {missing[0]}"
            raise LoadError(f"the model's {part.name}", where, reason, REMEDY)
    return loaded


def free_memory() -> None:
    """Free memory that nothing refers to any more, on the GPU too."""
    import torch

    gc.unfreeze()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
