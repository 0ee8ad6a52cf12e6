"""Models of true architecture with seeded random weights, in memory or as folders.

A latency does not depend on the weights, so these stand for models that cannot be had offline. In
memory FLUX.1's 24 GB are ready in seconds, and need no disk.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import open_clip
import torch
import transformers
from safetensors.torch import save_file

from benchmarks.measuring.random_tokenizers import tokenizer_of
from objectives.embedded import SCORER_DIR
from objectives.embedded.training.tokenizer import build_tokenizer
from objectives.pipelines.architecture import known_parts
from objectives.pipelines.families import class_of, family_of
from objectives.pipelines.given import take_pipe
from objectives.pipelines.loading import free_memory
from objectives.pipelines.model import Model

DEPTHS = {"num_layers", "num_hidden_layers", "depth"}
"""Names of the number of layers in configurations of text encoders."""


def build_model(pipeline: str, folder: Path, device: torch.device) -> None:
    """Write a pipeline of true architecture, in the precision that a GPU measures it in."""
    parts = known_parts(pipeline)
    dtype = getattr(torch, family_of(parts["pipeline_class"]).dtype_on(torch.device("cuda")))
    random_pipe(parts, device, dtype).save_pretrained(folder)
    gc.collect()
    free_memory()


def random_model(pipeline: str, device: torch.device) -> Model:
    """Make a pipeline of true architecture in memory, as studies take a loaded one."""
    parts = known_parts(pipeline)
    dtype = getattr(torch, family_of(parts["pipeline_class"]).dtype_on(device))
    return take_pipe(random_pipe(parts, device, dtype)).model()


def random_pipe(parts: Mapping[str, Any], device: torch.device, dtype: torch.dtype) -> Any:
    """Make a pipeline of an architecture with seeded random weights.

    Encoders that read all prompts before anything is timed are of true width, but of one layer.

    Args:
        parts: The configurations by part, and the `pipeline_class`, as `known_parts` has them.
        device: Where it is made; the same device makes the same weights again.
        dtype: Type of the weights.
    """
    torch.manual_seed(0)
    read_before = family_of(parts["pipeline_class"]).encoders
    components: dict[str, Any] = {}
    for name, config in parts.items():
        if name != "pipeline_class":
            made = _shallow(config) if name in read_before else config
            components[name] = _part(dict(made), device, dtype)
    for name in list(components):
        if name.startswith("text_encoder"):
            tokenizer = tokenizer_of(parts[name]["_class_name"])
            components[name.replace("text_encoder", "tokenizer")] = tokenizer
    if "safety_checker" in class_of(parts["pipeline_class"]).parts:
        components |= {"safety_checker": None, "feature_extractor": None}
    pipe = getattr(diffusers, parts["pipeline_class"])(**components).to(device)
    # The memory that it took in full precision.
    free_memory()
    return pipe


def _shallow(config: Mapping[str, Any]) -> dict[str, Any]:
    """A text encoder's configuration of one layer; some hold that of a language model."""
    return {
        key: 1 if key in DEPTHS else _shallow(value) if isinstance(value, dict) else value
        for key, value in config.items()
    }


def _part(config: dict[str, Any], device: torch.device, dtype: torch.dtype) -> Any:
    class_name = config.pop("_class_name")
    if hasattr(transformers, class_name):
        model_class = getattr(transformers, class_name)
        if class_name.startswith("CLIP"):
            tokenizer = build_tokenizer()
            config |= {
                f"{token}_token_id": getattr(tokenizer, f"{token}_token_id")
                for token in ("bos", "eos", "pad")
            }
        text_config = model_class.config_class(**config)
        with torch.device(device):
            return model_class(text_config).to(dtype).eval()
    part_class = getattr(diffusers, class_name)
    if class_name.endswith("Scheduler"):
        return part_class.from_config(config)
    with torch.device(device):
        return part_class.from_config(config).to(dtype).eval()


def scorer_in(models: Path) -> str:
    """The folder of the scorer, made where it is not there yet."""
    folder = models / "scorer"
    if not folder.exists():
        build_scorer(folder)
    return str(folder)


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
