from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from objectives.quality.scorer import Scorer, find_scorer
from tests.tiny_parts import tiny_tokenizer
from tests.tiny_pipelines import tiny_sd

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def scorer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random open_clip model, laid out as a trained one is.

    Its embeddings tell random pictures apart, and the mean score of the tests' pictures with their
    prompts is above 0, as that of a trained scorer always is.
    """
    tokenizer = tiny_tokenizer()
    config: dict[str, Any] = {
        "embed_dim": 16,
        "text_cfg": {
            "context_length": tokenizer.model_max_length,
            "vocab_size": len(tokenizer),
            "hf_tokenizer_name": "in this folder",
            "width": 16,
            "heads": 2,
            "layers": 1,
        },
        "vision_cfg": {
            "image_size": 16,
            "patch_size": 4,
            "width": 16,
            "head_width": 8,
            "layers": 1,
            "pool_type": "avg",
        },
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = open_clip.CLIP(
            embed_dim=config["embed_dim"],
            text_cfg=open_clip.CLIPTextCfg(**config["text_cfg"]),
            vision_cfg=open_clip.CLIPVisionCfg(**config["vision_cfg"]),
        )
    with torch.no_grad():
        # Fresh weights are so small that all pictures would embed alike.
        model.visual.conv1.weight *= 20
        for block in model.visual.transformer.resblocks:
            block.attn.out_proj.weight *= 20
            block.mlp.c_proj.weight *= 10
    folder = tmp_path_factory.mktemp("models") / "scorer"
    folder.mkdir()
    preprocessing = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bicubic"}
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": preprocessing}), encoding="utf-8"
    )
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def scorer(scorer_folder: Path) -> Scorer:
    return Scorer(find_scorer(str(scorer_folder)), CPU)


@pytest.fixture
def pipe() -> Any:
    return tiny_sd()
