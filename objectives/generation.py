"""Pictures as the protocol wants them, of whatever call generates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from accel_space.method import Generate
from objectives.pipelines.conditioning import Conditioning
from storage.records.protocol import Protocol

if TYPE_CHECKING:
    import torch


def generate_pictures(
    generate: Generate,
    conditioning: Conditioning,
    indices: range,
    protocol: Protocol,
    steps: int,
    call: Mapping[str, Any],
) -> torch.Tensor:
    """Generate some of the protocol's prompts, each from the noise of its own seed.

    Args:
        generate: A pipe, or what a stack yields for it.
        conditioning: The protocol's prompts.
        indices: Which of them, by their place.
        protocol: How to measure.
        steps: num_inference_steps.
        call: What the pipeline's call takes besides, the guidance scale where that is not called
            so.

    Returns:
        Shape (batch, 3, height, width), values 0 to 1.
    """
    import torch

    images: torch.Tensor = generate(
        **conditioning.call(indices),
        num_inference_steps=steps,
        height=protocol.height,
        width=protocol.width,
        # On the CPU, so that every device starts from the same noise.
        generator=[torch.Generator("cpu").manual_seed(protocol.seed + index) for index in indices],
        output_type="pt",
        **{"guidance_scale": protocol.guidance_scale, **call},
    ).images
    return images


def batches_of(count: int, size: int) -> list[range]:
    """Places of the prompts that are generated together; the last may be fewer."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]
