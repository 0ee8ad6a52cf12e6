"""Models of true architecture and seeded random weights, as folders in diffusers layout.

A latency does not depend on the weights, so these stand for models that cannot be had offline.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import diffusers
import open_clip
import torch
import transformers
from safetensors.torch import save_file

from objectives.embedded import SCORER_DIR
from objectives.embedded.training.tokenizer import build_t5_tokenizer, build_tokenizer
from objectives.pipelines.architecture import known_parts
from objectives.pipelines.families import class_of
from objectives.pipelines.loading import free_memory


def build_model(pipeline: str, folder: Path, device: torch.device) -> None:
    """Write a pipeline of true architecture and seeded random weights, in half precision."""
    parts = known_parts(pipeline)
    torch.manual_seed(0)
    components: dict[str, Any] = {}
    for name, config in parts.items():
        if name != "pipeline_class":
            components[name] = _part(dict(config), device)
    for name in list(components):
        if name.startswith("text_encoder"):
            tokenizer = _tokenizer(parts[name]["_class_name"])
            components[name.replace("text_encoder", "tokenizer")] = tokenizer
    if "safety_checker" in class_of(parts["pipeline_class"]).parts:
        components |= {"safety_checker": None, "feature_extractor": None}
    pipe = getattr(diffusers, parts["pipeline_class"])(**components)
    pipe.save_pretrained(folder)
    del pipe, components
    gc.collect()
    free_memory()


def _part(config: dict[str, Any], device: torch.device) -> Any:
    class_name = config.pop("_class_name")
    if hasattr(transformers, class_name):
        model_class = getattr(transformers, class_name)
        if class_name != "T5EncoderModel":
            tokenizer = build_tokenizer()
            config |= {
                f"{token}_token_id": getattr(tokenizer, f"{token}_token_id")
                for token in ("bos", "eos", "pad")
            }
        text_config = model_class.config_class(**config)
        with torch.device(device):
            return model_class(text_config).half()
    part_class = getattr(diffusers, class_name)
    if class_name.endswith("Scheduler"):
        return part_class.from_config(config)
    with torch.device(device):
        return part_class.from_config(config).half()


def _tokenizer(text_encoder: str) -> Any:
    """The embedded world's words; which token a word is makes no difference to a latency."""
    if text_encoder == "T5EncoderModel":
        return build_t5_tokenizer()
    tokenizer = build_tokenizer()
    tokenizer.model_max_length = 77
    return tokenizer


def build_scorer(folder: Path) -> None:
    """Write a scorer to which every picture and every prompt look nearly alike."""
    model, _ = open_clip.create_model_from_pretrained(f"local-dir:{SCORER_DIR}")
    with torch.no_grad():
        # Both towers end in a bias far greater than what they read, along one direction.
        model.ln_final.bias.add_(20)
        direction = 20 * model.text_projection.sum(dim=0)
        model.visual.ln_post.bias.add_(torch.linalg.solve(model.visual.proj.T, direction))
    folder.mkdir(parents=True)
    for path in SCORER_DIR.iterdir():
        if path.suffix != ".safetensors":
            (folder / path.name).write_bytes(path.read_bytes())
    weights = {name: each.contiguous() for name, each in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
