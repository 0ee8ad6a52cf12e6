"""LoRAs of random weights, made for tiny pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model

RANK = 2

TARGETS = {"unet": ["to_q", "to_v"], "text_encoder": ["q_proj"]}


def save_lora(
    pipe: Any, path: Path, strength: float = 0.2, parts: Sequence[str] = ("unet",)
) -> Path:
    """Save a LoRA that fits a pipeline with a UNet; the pipeline itself gets adapters.

    Args:
        pipe: The pipeline.
        path: Where to; a safetensors file.
        strength: How far its weights are from zero.
        parts: Which parts it changes, of `TARGETS`.
    """
    layers = {}
    for part in parts:
        module = getattr(pipe, part)
        # Not by its own `add_adapter`, for which transformers may want another peft.
        config = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=TARGETS[part])
        inject_adapter_in_model(config, module)
        state = get_peft_model_state_dict(module)
        generator = torch.Generator().manual_seed(0)
        drawn = {
            name: strength * torch.randn(each.shape, generator=generator)
            for name, each in state.items()
        }
        layers[f"{part}_lora_layers"] = convert_state_dict_to_diffusers(drawn)
    type(pipe).save_lora_weights(path.parent, **layers, weight_name=path.name)
    return path
