"""What methods share: the guided batch that a denoiser is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accel_space.family import Guidance
from accel_space.method import Context

UNGUIDED: dict[Guidance, str] = {
    "embedded": "takes the guidance scale as an input, as latent consistency models do",
    "none": "was trained to draw without guidance",
}
"""Why a denoiser is never given a guided batch."""


def why_unguided(title: str, context: Context) -> str | None:
    """Say why the denoiser is given no guided batch here, or None if it is.

    Args:
        title: The method that halves the batch.
        context: Where it is to work.
    """
    if context.guidance_scale <= 1:
        return (
            f"{title} halves the guided batch, and guidance_scale {context.guidance_scale:g} "
            "is off; use a guidance_scale above 1"
        )
    if reason := UNGUIDED.get(context.profile.guidance):
        return f"{title} halves the guided batch, and this denoiser is given none: it {reason}"
    return None


def conditional_half(value: Any, batch: int) -> Any:
    """Keep of a guided batch the half that is given the prompts; it is the second.

    Args:
        value: A tensor, or containers of tensors; what is not of this batch stays.
        batch: The guided batch's size, twice the number of pictures.
    """

    def half(tensor: Any) -> Any:
        guided = tensor.ndim > 0 and len(tensor) == batch
        return tensor[batch // 2 :] if guided else tensor

    return map_tensors(value, half)


def map_tensors(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change all tensors of a value, one or containers of them; others stay."""
    import torch

    if isinstance(value, dict):
        return {key: map_tensors(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map_tensors(item, change) for item in value)
    return change(value) if torch.is_tensor(value) else value
