"""Pictures as the protocol wants them, from any call that generates."""

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
        generate: A pipe, or the callable that a stack yields for it.
        conditioning: The protocol's prompts.
        indices: The indices of the prompts to draw.
        protocol: How to measure.
        steps: num_inference_steps.
        call: Further arguments of the pipeline's call, with the guidance scale if its argument has
            another name.

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
    """Indices of the prompts that are generated together; the last batch may have fewer."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]
