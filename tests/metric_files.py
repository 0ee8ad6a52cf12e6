"""Files with random weights of the models that metrics load."""

from __future__ import annotations

from pathlib import Path

import torch


def save_alexnet(path: Path, seed: int = 0) -> Path:
    """A state dict of torchvision's AlexNet, without the layers that LPIPS passes over."""
    from torchvision.models import alexnet

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        features = alexnet(weights=None).features.state_dict()
    torch.save({f"features.{name}": tensor for name, tensor in features.items()}, path)
    return path
