"""Loading a pipeline as the protocol wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from objectives.catalogue import Architecture
from objectives.schedulers import make_scheduler

if TYPE_CHECKING:
    import torch


def load_pipeline(
    architecture: Architecture, scheduler: str, dtype: str, device: torch.device
) -> Any:
    """Load a pipeline from its folder: safetensors only, no code, no network.

    The safety checker is left out, so that a latency is that of the model.

    Args:
        architecture: The model folder and its configurations.
        scheduler: As `scheduler_name` returns it.
        dtype: Name of the torch dtype of the weights.
        device: Where the pipeline is to run.
    """
    import diffusers
    import torch

    pipe = getattr(diffusers, architecture.pipeline_class).from_pretrained(
        architecture.folder,
        dtype=getattr(torch, dtype),
        use_safetensors=True,
        local_files_only=True,
        safety_checker=None,
    )
    pipe.scheduler = make_scheduler(scheduler, pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device)


def default_dtype(device: torch.device) -> Literal["float16", "float32"]:
    """fp16 on CUDA, fp32 on a CPU, where fp16 is no faster and less is exact."""
    return "float16" if device.type == "cuda" else "float32"
