"""Files with random weights of the models that metrics load."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file


def save_alexnet(path: Path, seed: int = 0) -> Path:
    """A state dict of torchvision's AlexNet, without the layers that LPIPS passes over."""
    from torchvision.models import alexnet

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        features = alexnet(weights=None).features.state_dict()
    torch.save({f"features.{name}": tensor for name, tensor in features.items()}, path)
    return path


def save_dino(path: Path) -> Path:
    """A state dict of DINOv2 ViT-S/14, at its size."""
    import timm

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("vit_small_patch14_dinov2.lvd142m", pretrained=False)
    for name, tensor in model.state_dict().items():
        # As made, each block adds next to nothing.
        if name.endswith("gamma"):
            tensor.fill_(1.0)
    save_file(model.state_dict(), path)
    return path


def save_clip(folder: Path) -> Path:
    """A folder of transformers with a tiny CLIP, as PickScore's is a large one."""
    from transformers import CLIPConfig, CLIPModel

    part = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "hidden_act": "gelu",
    }
    config = CLIPConfig(
        projection_dim=16,
        text_config=part,
        vision_config=part | {"image_size": 32, "patch_size": 8},
        initializer_factor=20.0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CLIPModel(config)
    model.save_pretrained(folder)
    return folder
