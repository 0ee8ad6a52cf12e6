"""Training `tiny-shapes` and `tiny-shapes-v`, pipelines in the style of SD1.5 and SD2.1."""

from collections.abc import Callable
from typing import Any, Final

import diffusers
import torch
from torch import Tensor, nn
from transformers import CLIPTextModel

from objectives.embedded.training.denoiser import (
    LATENT_PIXELS,
    Setup,
    build_scheduler,
    save_pipeline,
    train_denoiser,
)
from objectives.embedded.training.loop import TrainingResult
from objectives.embedded.training.scorer import TEXT_WIDTH
from objectives.embedded.training.text_encoder import build_text_encoder
from objectives.embedded.training.tokenizer import CaptionTokens, build_tokenizer

HEAD_WIDTH: Final = 16


def build_unet(device: torch.device) -> Any:
    """Build an untrained `UNet2DConditionModel` with SD1.5's topology at toy width."""
    return _build(device, (48, 64, 80, 64), use_linear_projection=False)


def build_v_unet(device: torch.device) -> Any:
    """Build an untrained `UNet2DConditionModel` with SD2.1's topology at toy width."""
    return _build(device, (48, 48, 48, 32), use_linear_projection=True)


def _build(
    device: torch.device, channels: tuple[int, int, int, int], use_linear_projection: bool
) -> Any:
    denoiser: Any = diffusers.UNet2DConditionModel
    with torch.device(device):
        return denoiser(
            sample_size=LATENT_PIXELS,
            in_channels=4,
            out_channels=4,
            layers_per_block=2,
            block_out_channels=channels,
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
            # The number of heads, despite its name, as in Stable Diffusion's configurations.
            attention_head_dim=tuple(width // HEAD_WIDTH for width in channels),
            cross_attention_dim=TEXT_WIDTH,
            norm_num_groups=8,
            use_linear_projection=use_linear_projection,
        )


def train_unet(setup: Setup) -> TrainingResult:
    """Train the denoiser and the text encoder of `tiny-shapes`, and complete its folder."""
    return _train(setup, "tiny-shapes", build_unet, build_scheduler())


def train_v(setup: Setup) -> TrainingResult:
    """Train `tiny-shapes-v`, which predicts velocity, and write its folder."""
    return _train(setup, "tiny-shapes-v", build_v_unet, build_scheduler("v_prediction"))


def _train(
    setup: Setup, name: str, build: Callable[[torch.device], Any], scheduler: Any
) -> TrainingResult:
    tokenizer = build_tokenizer()
    with setup.seeded():
        text_encoder = build_text_encoder(CLIPTextModel, tokenizer, setup.load_scorer())
        unet = build(setup.device)
    modules = nn.ModuleDict({"unet": unet, "text_encoder": text_encoder}).to(setup.device)
    denoise = setup.compile(unet)

    def predict(noisy: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
        hidden = text_encoder(tokens).last_hidden_state
        predicted: Tensor = denoise(noisy, times, hidden, return_dict=False)[0]
        return predicted

    tokens_of = CaptionTokens(tokenizer, setup.device)
    average, outcome = train_denoiser(setup, name, modules, predict, tokens_of, scheduler)
    pipeline: Any = diffusers.StableDiffusionPipeline
    trained = pipeline(
        vae=setup.load_vae(),
        text_encoder=average["text_encoder"],
        tokenizer=tokenizer,
        unet=average["unet"],
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    save_pipeline(trained, setup.root / name, setup.vae_dir)
    return outcome
