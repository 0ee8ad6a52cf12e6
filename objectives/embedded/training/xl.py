"""Training `tiny-shapes-xl`, a pipeline in the style of SDXL."""

from typing import Any, Final

import diffusers
import torch
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from objectives.embedded.draw import PIXELS
from objectives.embedded.training.denoiser import (
    LATENT_PIXELS,
    Setup,
    build_scheduler,
    save_pipeline,
    train_denoiser,
)
from objectives.embedded.training.loop import TrainingResult
from objectives.embedded.training.scorer import EMBEDDING, TEXT_WIDTH
from objectives.embedded.training.text_encoder import build_text_encoder
from objectives.embedded.training.tokenizer import CaptionTokens, build_tokenizer

NAME: Final = "tiny-shapes-xl"
FIRST_LAYERS: Final = 3
"""Layers of the first text encoder; as in SDXL it is the shallower one."""

TIME_IDS: Final = (PIXELS, PIXELS, 0, 0, PIXELS, PIXELS)
"""Original size, crop and target size of every picture, the defaults of the pipeline's call."""

TIME_ID_WIDTH: Final = 8


def build_xl_unet(device: torch.device) -> Any:
    """Build an untrained `UNet2DConditionModel` with SDXL's topology at toy width."""
    denoiser: Any = diffusers.UNet2DConditionModel
    with torch.device(device):
        return denoiser(
            sample_size=LATENT_PIXELS,
            in_channels=4,
            out_channels=4,
            layers_per_block=2,
            block_out_channels=(48, 48, 32),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 1, 2),
            # The number of heads, despite its name, as in SDXL's own configuration.
            attention_head_dim=(3, 3, 2),
            cross_attention_dim=2 * TEXT_WIDTH,
            norm_num_groups=8,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=TIME_ID_WIDTH,
            projection_class_embeddings_input_dim=EMBEDDING + TIME_ID_WIDTH * len(TIME_IDS),
        )


def train_xl(setup: Setup) -> TrainingResult:
    """Train the denoiser and both text encoders, and write the pipeline's folder."""
    tokenizer = build_tokenizer()
    with setup.seeded():
        scorer = setup.load_scorer()
        first = build_text_encoder(CLIPTextModel, tokenizer, scorer, FIRST_LAYERS)
        second = build_text_encoder(CLIPTextModelWithProjection, tokenizer, scorer)
        unet = build_xl_unet(setup.device)
    modules = nn.ModuleDict({"unet": unet, "text_encoder": first, "text_encoder_2": second})
    modules.to(setup.device)
    denoise = setup.compile(unet)
    tokens_of = CaptionTokens(tokenizer, setup.device)
    empty = tokens_of.empty(1)
    ids = torch.tensor([TIME_IDS], device=setup.device)

    def predict(noisy: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
        states = [encoder(tokens, output_hidden_states=True) for encoder in (first, second)]
        # The pipeline gives zeros for an empty caption (force_zeros_for_empty_prompt).
        shown = (tokens != empty).any(dim=1, keepdim=True)
        hidden = torch.cat([state.hidden_states[-2] for state in states], dim=2)
        conditions = {
            "text_embeds": states[1].text_embeds * shown,
            "time_ids": ids.expand(len(tokens), -1),
        }
        predicted: Tensor = denoise(
            noisy,
            times,
            hidden * shown[:, :, None],
            added_cond_kwargs=conditions,
            return_dict=False,
        )[0]
        return predicted

    scheduler = build_scheduler()
    average, outcome = train_denoiser(setup, NAME, modules, predict, tokens_of, scheduler)
    pipeline: Any = diffusers.StableDiffusionXLPipeline
    trained = pipeline(
        vae=setup.load_vae(),
        text_encoder=average["text_encoder"],
        text_encoder_2=average["text_encoder_2"],
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=average["unet"],
        scheduler=scheduler,
        force_zeros_for_empty_prompt=True,
    )
    save_pipeline(trained, setup.root / NAME, setup.vae_dir)
    return outcome
