"""Shared code of methods: the guided batch, and what a call can reuse of earlier ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accel_space.family import Guidance
from accel_space.method import Context

UNGUIDED: dict[Guidance, str] = {
    "embedded": "takes the guidance scale as an input, as FLUX.1-dev and latent consistency models "
    "do",
    "none": "was trained to draw without guidance",
}
"""Why a denoiser is never given a guided batch."""


def why_unguided(title: str, context: Context) -> str | None:
    """Say why the denoiser gets no guided batch here, or return None if it does.

    Args:
        title: The method that halves the batch.
        context: Where the method is to work.
    """
    if reason := UNGUIDED.get(context.profile.guidance):
        return f"{title} halves the guided batch, and this denoiser is given none: it {reason}"
    if context.guidance_scale <= context.family.guided_above:
        return (
            f"{title} halves the guided batch, and guidance_scale {context.guidance_scale:g} "
            f"is off; use a guidance_scale above {context.family.guided_above:g}"
        )
    return None


def why_nothing_to_reuse(title: str, context: Context) -> str | None:
    """Say why no call can reuse what an earlier one computed, or return None if one can.

    Args:
        title: The method that would reuse it.
        context: Where the method is to work.
    """
    if context.profile.few_steps:
        return (
            f"{title} reuses what an earlier step computed, and this model was distilled to few "
            "steps, each of which changes nearly all"
        )
    if context.calls < 2:
        return (
            f"{title} reuses what an earlier step computed, and steps is {context.steps}; "
            "use 2 steps or more"
        )
    return None


def conditional_half(value: Any, batch: int) -> Any:
    """Keep only the half of a guided batch that has the prompts: the second half.

    Args:
        value: A tensor, or containers of tensors; those of another size stay.
        batch: The guided batch's size, twice the number of pictures.
    """

    def half(tensor: Any) -> Any:
        guided = tensor.ndim > 0 and len(tensor) == batch
        return tensor[batch // 2 :] if guided else tensor

    return map_tensors(value, half)


def map_tensors(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change a tensor, or all tensors in containers; other values stay."""
    import torch

    if isinstance(value, dict):
        return {key: map_tensors(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map_tensors(item, change) for item in value)
    return change(value) if torch.is_tensor(value) else value
