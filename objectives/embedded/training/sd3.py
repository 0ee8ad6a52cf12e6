"""Training `tiny-shapes-sd3`, a pipeline in the style of Stable Diffusion 3.5 medium."""

from typing import Any, Final

import diffusers
import torch
from torch import Tensor, nn
from transformers import CLIPTextModelWithProjection

from objectives.embedded.training.denoiser import LATENT_PIXELS, Predict, Setup, save_pipeline
from objectives.embedded.training.dit import build_t5, read_whole
from objectives.embedded.training.flow import build_flow_scheduler, train_flow
from objectives.embedded.training.loop import TrainingResult
from objectives.embedded.training.scorer import EMBEDDING, TEXT_WIDTH
from objectives.embedded.training.text_encoder import build_text_encoder
from objectives.embedded.training.tokenizer import (
    LENGTH,
    build_t5_tokenizer,
    build_tokenizer,
    clip_and_t5_tokens,
)

NAME: Final = "tiny-shapes-sd3"
FIRST_LAYERS: Final = 3
"""Layers of the first CLIP encoder; as in Stable Diffusion 3.5 it is the shallower one."""

T5_WIDTH: Final = 2 * TEXT_WIDTH
"""The width of both CLIP encoders together, so that neither is cut off or filled up."""

T5_LAYERS: Final = 1
HEADS: Final = 3
HEAD_WIDTH: Final = 32
LAYERS: Final = 7


def build_sd3_transformer(device: torch.device) -> Any:
    """Build an untrained `SD3Transformer2DModel` with the topology of 3.5 medium at toy width.

    The first half of the blocks has a second attention, for the picture alone.
    """
    denoiser: Any = diffusers.SD3Transformer2DModel
    with torch.device(device):
        transformer = denoiser(
            sample_size=LATENT_PIXELS,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=LAYERS,
            attention_head_dim=HEAD_WIDTH,
            num_attention_heads=HEADS,
            joint_attention_dim=T5_WIDTH,
            caption_projection_dim=HEADS * HEAD_WIDTH,
            pooled_projection_dim=2 * EMBEDDING,
            pos_embed_max_size=LATENT_PIXELS,
            dual_attention_layers=tuple(range((LAYERS + 1) // 2)),
            qk_norm="rms_norm",
        )
    nn.init.zeros_(transformer.proj_out.weight)
    nn.init.zeros_(transformer.proj_out.bias)
    return transformer


def predict_of(denoise: Any, first: Any, second: Any, t5: Any) -> Predict:
    """Return a function that runs the modules on a batch as the pipeline does.

    Args:
        denoise: The transformer, compiled or not.
        first: A `CLIPTextModelWithProjection`.
        second: Another such encoder.
        t5: A `T5EncoderModel` with eager attention.
    """

    def predict(noisy: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
        words, pieces = tokens[:, :LENGTH], tokens[:, LENGTH:]
        states = [encoder(words, output_hidden_states=True) for encoder in (first, second)]
        told = torch.cat([state.hidden_states[-2] for state in states], dim=2)
        predicted: Tensor = denoise(
            noisy,
            encoder_hidden_states=torch.cat([told, read_whole(t5, pieces)], dim=1),
            pooled_projections=torch.cat([state.text_embeds for state in states], dim=1),
            timestep=times,
            return_dict=False,
        )[0]
        return predicted

    return predict


def train_sd3(setup: Setup) -> TrainingResult:
    """Train the denoiser and its three text encoders, and write the pipeline's folder."""
    tokenizer, t5_tokenizer = build_tokenizer(), build_t5_tokenizer()
    with setup.seeded():
        scorer = setup.load_scorer()
        first = build_text_encoder(CLIPTextModelWithProjection, tokenizer, scorer, FIRST_LAYERS)
        second = build_text_encoder(CLIPTextModelWithProjection, tokenizer, scorer)
        t5 = build_t5(t5_tokenizer, T5_WIDTH, T5_LAYERS)
        transformer = build_sd3_transformer(setup.device)
    t5.set_attn_implementation("eager")
    parts = {"text_encoder": first, "text_encoder_2": second, "text_encoder_3": t5}
    modules = nn.ModuleDict({"transformer": transformer, **parts}).to(setup.device)
    predict = predict_of(setup.compile(transformer), first, second, t5)
    tokens_of = clip_and_t5_tokens(setup.device)
    average, outcome = train_flow(setup, NAME, modules, predict, tokens_of)
    pipeline: Any = diffusers.StableDiffusion3Pipeline
    trained = pipeline(
        transformer=average["transformer"],
        # The shift of Stable Diffusion 3.5.
        scheduler=build_flow_scheduler(shift=3.0),
        vae=setup.load_vae(shift_factor=0.0),
        text_encoder=average["text_encoder"],
        tokenizer=tokenizer,
        text_encoder_2=average["text_encoder_2"],
        tokenizer_2=tokenizer,
        text_encoder_3=average["text_encoder_3"],
        tokenizer_3=t5_tokenizer,
    )
    save_pipeline(trained, setup.root / NAME, setup.vae_dir)
    return outcome
