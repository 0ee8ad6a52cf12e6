"""What methods share: a pipe's denoiser, and the guided batch that it is given."""

from __future__ import annotations

from typing import Any

from accel_space.method import Context


def find_denoiser(pipe: Any) -> Any:
    """The module that predicts the noise: the UNet, or the transformer in its place."""
    return pipe.unet if hasattr(pipe, "unet") else pipe.transformer


def why_unguided(title: str, context: Context) -> str | None:
    """Tell why the denoiser is not given a guided batch here, or None if it is.

    Args:
        title: The method that halves the batch.
        context: Where it is to work.
    """
    if context.guidance_scale <= 1:
        return (
            f"{title} halves the guided batch, and guidance_scale {context.guidance_scale:g} "
            "is off; use a guidance_scale above 1"
        )
    if context.profile.embeds_guidance:
        return (
            f"{title} halves the guided batch, and a UNet that takes the guidance scale as an "
            "input, as latent consistency models do, is never run with one"
        )
    return None


def conditional_half(value: Any, batch: int) -> Any:
    """Keep of a guided batch the half that is given the prompts; it is the second.

    Args:
        value: A tensor, or containers of tensors; what is not of this batch stays.
        batch: The guided batch's size, twice the number of pictures.
    """
    import torch

    if isinstance(value, dict):
        return {key: conditional_half(item, batch) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(conditional_half(item, batch) for item in value)
    if torch.is_tensor(value) and value.ndim > 0 and len(value) == batch:
        return value[batch // 2 :]
    return value
