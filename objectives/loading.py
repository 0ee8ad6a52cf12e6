"""Loading a pipeline as the protocol wants it."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from objectives.catalogue import PipelineEntry
from objectives.conditioning import Conditioning, Embedded, Plain, encode
from objectives.model import Model

if TYPE_CHECKING:
    import torch


def load_pipeline(entry: PipelineEntry, model: Model, dtype: str, device: torch.device) -> Any:
    """Load a pipeline from its folder: safetensors only, no code, no network.

    A pipeline that `encodes_once` is loaded without its text encoder.

    Args:
        entry: The pipeline's entry in the catalogue.
        model: Where its weights are.
        dtype: Name of the torch dtype of the weights.
        device: Where the pipeline is to run.
    """
    parts = {"text_encoder": None, "tokenizer": None} if entry.encodes_once else {}
    pipe = _from_pretrained(entry, model, dtype, parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device)


def load_conditioning(
    entry: PipelineEntry,
    model: Model,
    prompts: Sequence[str],
    dtype: str,
    device: torch.device,
) -> Conditioning:
    """Make ready what the pipeline is told to draw.

    Where the pipeline `encodes_once`, its text encoder is loaded alone, encodes all prompts and is
    freed again, so that it never sits beside the denoiser.

    Args:
        entry: The pipeline's entry in the catalogue.
        model: Where its weights are.
        prompts: The protocol's prompts.
        dtype: Name of the torch dtype of the weights.
        device: Where to encode.
    """
    if not entry.encodes_once:
        return Plain(prompts)
    encoder = _from_pretrained(entry, model, dtype, {"transformer": None, "vae": None})
    encoded: Embedded = encode(encoder.to(device), prompts)
    del encoder
    free_memory()
    return encoded


def _from_pretrained(
    entry: PipelineEntry, model: Model, dtype: str, parts: Mapping[str, None]
) -> Any:
    """Load what there is of a pipeline but the `parts` that are None."""
    import diffusers
    import torch

    return getattr(diffusers, entry.pipeline_class).from_pretrained(
        model.folder,
        dtype=getattr(torch, dtype),
        variant=model.variant,
        use_safetensors=True,
        local_files_only=True,
        **{**entry.parts, **parts},
    )


def free_memory() -> None:
    """Give memory back that nothing refers to any more, on the GPU too."""
    import torch

    gc.unfreeze()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def default_dtype(device: torch.device) -> Literal["float16", "float32"]:
    """fp16 on CUDA, fp32 on a CPU, where fp16 is no faster and less is exact."""
    return "float16" if device.type == "cuda" else "float32"
