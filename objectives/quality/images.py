"""Pictures as tensors, and whether they show anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from objectives.errors import MeasurementError

if TYPE_CHECKING:
    import torch
    from PIL import Image

FLAT = 2 / 255
"""A picture whose values span less than this is empty, whatever CLIP says about it."""


def as_seen(images: torch.Tensor) -> list[Image.Image]:
    """Convert pictures as a person would see them: to 8 bits.

    Args:
        images: Shape (batch, 3, height, width), values 0 to 1.
    """
    import torch
    from torchvision.transforms.functional import to_pil_image

    eight_bits = (images.float().clamp(0, 1) * 255).round().to("cpu", torch.uint8)
    return [to_pil_image(picture) for picture in eight_bits]


def refuse_degenerate(images: torch.Tensor) -> None:
    """Raise MeasurementError if a picture is non-finite, black or of one colour.

    CLIP does not notice: a black picture can score higher than a good one.

    Args:
        images: Shape (batch, 3, height, width), values 0 to 1.
    """
    flat = images.flatten(start_dim=1).float()
    if not bool(flat.isfinite().all()):
        raise MeasurementError("non-finite pictures: at least one holds NaN or infinity")
    if bool((flat.amax(dim=1) < FLAT).any()):
        raise MeasurementError("black pictures: at least one is black all over")
    # Per channel, as a picture of one colour still differs between channels.
    channels = images.flatten(start_dim=2).float()
    if bool(((channels.amax(dim=2) - channels.amin(dim=2)).amax(dim=1) < FLAT).any()):
        raise MeasurementError("constant pictures: at least one is of one colour all over")
