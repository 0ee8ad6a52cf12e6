"""The shipped twins of `tiny-shapes`: they are small, and draw captions."""

import json
import warnings
from pathlib import Path
from typing import Any

import diffusers
import open_clip
import pytest
import torch
from safetensors import safe_open

from objectives.embedded import (
    CAPTION_LENGTH,
    DIT_DIR,
    FLUX_DIR,
    PROMPTS_FILE,
    SCORER_DIR,
    SD3_DIR,
    TWINS,
    V_DIR,
    XL_DIR,
)
from objectives.embedded.training.tokenizer import LENGTH
from objectives.embedded.world import parse_caption
from objectives.embedded.zero_shot import correctness
from tests.tiers.covering import taking_turns

CAPTIONS = PROMPTS_FILE.read_text(encoding="utf-8").splitlines()
LENGTHS = {"max_sequence_length": CAPTION_LENGTH}
CALLS: dict[Path, dict[str, Any]] = {
    DIT_DIR: {"use_resolution_binning": False, "clean_caption": False, **LENGTHS},
    SD3_DIR: LENGTHS,
    # No configuration of it names a size.
    FLUX_DIR: {"height": 64, "width": 64, **LENGTHS},
}
FLOW_MATCHING = (SD3_DIR, FLUX_DIR)
every_twin = pytest.mark.parametrize("folder", TWINS, ids=lambda folder: folder.name)


def _config(folder: Path, part: str, file: str = "config.json") -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / part / file).read_text(encoding="utf-8"))
    return config


@every_twin
def test_weights_are_half_precision_and_small(folder: Path) -> None:
    if folder in FLOW_MATCHING:
        # What its pipeline reads of the configuration is another.
        link = folder / "vae" / "diffusion_pytorch_model.safetensors"
        assert link.readlink() == Path("../../tiny-shapes/vae") / link.name
    else:
        assert (folder / "vae").readlink() == Path("../tiny-shapes/vae")
    # A link to a folder is not walked into: the autoencoder counts once, with tiny-shapes.
    parts = [part for part in folder.iterdir() if not part.is_symlink()]
    found = [path for part in parts for path in (part, *part.rglob("*"))]
    files = [path for path in found if path.is_file() and not path.is_symlink()]
    most = 8_000_000 if folder in FLOW_MATCHING else 5_900_000
    assert sum(path.stat().st_size for path in files) <= most
    weights = [path for path in files if path.suffix == ".safetensors"]
    assert weights
    for path in weights:
        with safe_open(path, framework="pt") as tensors:
            assert {tensors.get_tensor(key).dtype for key in tensors.keys()} == {torch.float16}
    for path in files:
        assert path.suffix != ".json" or "_name_or_path" not in path.read_text(encoding="utf-8")


def test_v_is_built_as_sd21() -> None:
    unet = _config(V_DIR, "unet")
    assert unet["down_block_types"] == ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"]
    assert len(unet["attention_head_dim"]) == 4
    assert unet["use_linear_projection"]
    assert _config(V_DIR, "scheduler", "scheduler_config.json")["prediction_type"] == "v_prediction"


def test_xl_is_built_as_sdxl() -> None:
    unet = _config(XL_DIR, "unet")
    assert unet["down_block_types"] == ["DownBlock2D"] + ["CrossAttnDownBlock2D"] * 2
    assert unet["up_block_types"] == ["CrossAttnUpBlock2D"] * 2 + ["UpBlock2D"]
    assert unet["addition_embed_type"] == "text_time"
    assert _config(XL_DIR, "", "model_index.json")["force_zeros_for_empty_prompt"] is True


def test_dit_is_built_as_pixart_alpha() -> None:
    transformer = _config(DIT_DIR, "transformer")
    assert transformer["norm_type"] == "ada_norm_single"
    assert transformer["out_channels"] == 2 * transformer["in_channels"]
    scheduler = _config(DIT_DIR, "scheduler", "scheduler_config.json")
    assert (scheduler["beta_schedule"], scheduler["clip_sample"]) == ("linear", False)


def test_sd3_is_built_as_stable_diffusion_35_medium() -> None:
    transformer = _config(SD3_DIR, "transformer")
    # The first half of the blocks attends to the picture once more.
    assert transformer["dual_attention_layers"] == [0, 1, 2, 3]
    assert (transformer["num_layers"], transformer["qk_norm"]) == (7, "rms_norm")
    scheduler = _config(SD3_DIR, "scheduler", "scheduler_config.json")
    assert (scheduler["shift"], scheduler["use_dynamic_shifting"]) == (3.0, False)
    assert _config(SD3_DIR, "vae")["shift_factor"] == 0.0


def test_flux_is_built_as_flux1_dev() -> None:
    transformer = _config(FLUX_DIR, "transformer")
    # Three times as many blocks for both together as for picture and prompt apart.
    assert (transformer["num_layers"], transformer["num_single_layers"]) == (2, 6)
    assert transformer["guidance_embeds"] is True
    scheduler = _config(FLUX_DIR, "scheduler", "scheduler_config.json")
    assert (scheduler["base_shift"], scheduler["use_dynamic_shifting"]) == (0.5, True)
    assert _config(FLUX_DIR, "vae")["shift_factor"] == 0.0


def test_all_read_captions_of_one_length() -> None:
    assert CAPTION_LENGTH == LENGTH


@pytest.mark.parametrize(
    ("folder", "scheduler"),
    # The others are in test_healthy_pipelines_are_not_doubted every day.
    taking_turns(
        [
            *((folder, "DDIM") for folder in TWINS if folder not in FLOW_MATCHING),
            *((folder, "FlowMatchEulerDiscrete") for folder in FLOW_MATCHING),
            # V_DIR predicts velocities and DIT_DIR has other betas, for any scheduler to take up.
            (V_DIR, "UniPCMultistep"),
            (DIT_DIR, "DPMSolverMultistep"),
        ]
    ),
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_generated_pictures_show_their_captions(folder: Path, scheduler: str) -> None:
    captions = CAPTIONS[:8]
    pipe: Any = diffusers.DiffusionPipeline.from_pretrained(folder)
    pipe.scheduler = getattr(diffusers, f"{scheduler}Scheduler").from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pictures = pipe(
            captions,
            num_inference_steps=20,
            guidance_scale=5.0,
            generator=[torch.Generator().manual_seed(seed) for seed in range(len(captions))],
            output_type="pt",
            **CALLS.get(folder, {}),
        ).images
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{SCORER_DIR}")
    tokenize = open_clip.get_tokenizer(f"local-dir:{SCORER_DIR}")
    model.eval()

    @torch.no_grad()
    def texts(given: list[str]) -> torch.Tensor:
        features: torch.Tensor = model.encode_text(tokenize(given), normalize=True)
        return features

    with torch.no_grad():
        seen = model.encode_image(preprocess.transforms[-1](pictures), normalize=True)
    wanted = texts(captions)
    right = (seen * wanted).sum(dim=1).mean()
    assert right > 0.75
    assert (seen * wanted.roll(1, 0)).sum(dim=1).mean() < 0.2 * right
    shares = correctness(seen, [parse_caption(caption) for caption in captions], texts)
    assert min(shares.values()) >= 0.75
