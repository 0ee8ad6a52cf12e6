"""What the repository ships: it loads without a network, is small, and draws what is asked."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open
from torch import Tensor

from objectives.embedded import PIPELINE_DIR, PROMPTS_FILE, SCORER_DIR, TWINS
from objectives.embedded.draw import draw
from objectives.embedded.world import parse_caption
from objectives.embedded.zero_shot import ATTRIBUTES, correctness

CAPTIONS = PROMPTS_FILE.read_text(encoding="utf-8").splitlines()
Embed = Callable[[Any], Tensor]

LOADING = """
import warnings
warnings.simplefilter("error")
import sys
import diffusers, open_clip, torch
scorer, *folders = sys.argv[1:]
for folder in folders:
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder, use_safetensors=True)
    modules = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    assert {module.dtype for module in modules} == {torch.float32}, folder
open_clip.create_model_from_pretrained("local-dir:" + scorer)
open_clip.get_tokenizer("local-dir:" + scorer)
"""


@pytest.fixture(scope="module")
def embed() -> tuple[Embed, Embed]:
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{SCORER_DIR}")
    tokenize = open_clip.get_tokenizer(f"local-dir:{SCORER_DIR}")
    normalize = preprocess.transforms[-1]
    model.eval()

    @torch.no_grad()
    def images(pictures: Tensor) -> Tensor:
        embedding: Tensor = model.encode_image(normalize(pictures), normalize=True)
        return embedding

    @torch.no_grad()
    def texts(captions: list[str]) -> Tensor:
        embedding: Tensor = model.encode_text(tokenize(captions), normalize=True)
        return embedding

    return images, texts


@pytest.mark.thorough
def test_all_load_offline_and_without_a_warning(tmp_path: Path) -> None:
    # A process of its own: whether the hub is offline is decided when its library is imported.
    done = subprocess.run(
        [sys.executable, "-c", LOADING, *map(str, (SCORER_DIR, PIPELINE_DIR, *TWINS))],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower()


def test_weights_are_half_precision_and_small() -> None:
    files = [*PIPELINE_DIR.rglob("*"), *SCORER_DIR.rglob("*")]
    assert sum(path.stat().st_size for path in files if path.is_file()) <= 16_000_000
    weights = [path for path in files if path.suffix == ".safetensors"]
    assert len(weights) == 4
    for path in weights:
        with safe_open(path, framework="pt") as tensors:
            kinds = {tensors.get_tensor(key).dtype for key in tensors.keys()}
        assert kinds == {torch.float16}


def test_topology_is_that_of_sd15() -> None:
    config = json.loads((PIPELINE_DIR / "unet" / "config.json").read_text(encoding="utf-8"))
    assert config["down_block_types"] == ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"]
    assert config["up_block_types"] == ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3
    assert config["layers_per_block"] == 2


def test_files_name_no_place_of_the_machine_they_were_made_on() -> None:
    for path in [*PIPELINE_DIR.rglob("*.json"), *SCORER_DIR.rglob("*.json")]:
        assert "_name_or_path" not in path.read_text(encoding="utf-8"), path


def test_scorer_knows_real_renders(embed: tuple[Embed, Embed]) -> None:
    images, texts = embed
    scenes = [parse_caption(caption) for caption in CAPTIONS[:64]]
    pictures = images(draw(torch.tensor(scenes), torch.Generator().manual_seed(0)))
    captions = texts(CAPTIONS[:64])
    right = (pictures * captions).sum(dim=1).mean()
    assert right > 0.8
    assert (pictures * captions.roll(1, 0)).sum(dim=1).mean() < 0.2 * right
    assert all(share >= 0.95 for share in correctness(pictures, scenes, texts).values())


def test_generated_pictures_show_their_captions(embed: tuple[Embed, Embed]) -> None:
    images, texts = embed
    captions = CAPTIONS[:8]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = StableDiffusionPipeline.from_pretrained(PIPELINE_DIR)
    pipe.set_progress_bar_config(disable=True)
    pictures = pipe(
        captions,
        num_inference_steps=20,
        guidance_scale=12.0,
        generator=[torch.Generator().manual_seed(seed) for seed in range(len(captions))],
        output_type="pt",
    ).images
    features, wanted = images(pictures), texts(captions)
    right = (features * wanted).sum(dim=1).mean()
    assert right > 0.75
    assert (features * wanted.roll(1, 0)).sum(dim=1).mean() < 0.2 * right
    shares = correctness(features, [parse_caption(caption) for caption in captions], texts)
    assert set(shares) == set(ATTRIBUTES)
    assert min(shares.values()) >= 0.75
