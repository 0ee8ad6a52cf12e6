"""The parts of tiny pipelines: schedulers, tokenizers, encoders, denoisers and VAEs."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_lowercase, digits
from typing import Any

import diffusers
from diffusers import (
    AutoencoderKL,
    PixArtTransformer2DModel,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

LATENT_SIZE = 16
"""Four blocks bring 16x16 down to 2x2, the smallest grid on which ToMe has something to merge."""


_TEXT_WIDTH = 16


_PROMPT_TOKENS = 12


def tiny_scheduler(name: str, **config: Any) -> Any:
    """Make a scheduler with Stable Diffusion's betas.

    Args:
        name: Name of a diffusers scheduler class.
        config: What differs from the usual configuration.
    """
    return getattr(diffusers, name)(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        **_SCHEDULER_CONFIG.get(name, {}),
        **config,
    )


def tiny_tokenizer() -> CLIPTokenizer:
    """Make a CLIP tokenizer that knows letters, digits and nothing else; a prompt has 12 tokens."""
    characters = ascii_lowercase + digits
    tokens = [*characters, *(f"{character}</w>" for character in characters)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=[],
        model_max_length=_PROMPT_TOKENS,
    )


def stable_diffusion(unet_config: dict[str, Any], vae_blocks: int = 2) -> Any:
    tokenizer = tiny_tokenizer()
    text_encoder: Any = CLIPTextModel(clip_config(tokenizer))
    unet: Any = UNet2DConditionModel(**{**_UNET_CONFIG, **unet_config})
    return StableDiffusionPipeline(
        vae=_vae(vae_blocks),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=tiny_scheduler("DDIMScheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _stable_diffusion_2(unet_config: dict[str, Any]) -> Any:
    linear = {"use_linear_projection": True, "attention_head_dim": (1, 2, 2, 2)}
    return stable_diffusion({**linear, **unet_config})


def _stable_diffusion_xl(unet_config: dict[str, Any]) -> Any:
    tokenizer = tiny_tokenizer()
    text_encoder: Any = CLIPTextModel(clip_config(tokenizer))
    text_encoder_2: Any = CLIPTextModelWithProjection(clip_config(tokenizer))
    unet: Any = UNet2DConditionModel(**{**_UNET_CONFIG, **_SDXL_UNET_CONFIG, **unet_config})
    return StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=text_encoder.eval(),
        text_encoder_2=text_encoder_2.eval(),
        tokenizer=tokenizer,
        tokenizer_2=tiny_tokenizer(),
        unet=unet.eval(),
        scheduler=tiny_scheduler("DDIMScheduler"),
        add_watermarker=False,
    )


def _pixart(pipeline_class: str) -> Callable[[dict[str, Any]], Any]:
    def make(transformer_config: dict[str, Any]) -> Any:
        tokenizer = t5_tokenizer()
        text_encoder: Any = T5EncoderModel(
            T5Config(
                vocab_size=len(tokenizer),
                d_model=_TEXT_WIDTH,
                d_kv=_TEXT_WIDTH // 2,
                d_ff=2 * _TEXT_WIDTH,
                num_layers=1,
                num_heads=2,
            )
        )
        transformer: Any = PixArtTransformer2DModel(**{**_TRANSFORMER_CONFIG, **transformer_config})
        return getattr(diffusers, pipeline_class)(
            vae=_vae(),
            text_encoder=text_encoder.eval(),
            tokenizer=tokenizer,
            transformer=transformer.eval(),
            scheduler=tiny_scheduler("DDIMScheduler"),
        )

    return make


MAKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "SD1.5": stable_diffusion,
    "SD2.1": _stable_diffusion_2,
    "SDXL": _stable_diffusion_xl,
    "PixArt-alpha": _pixart("PixArtAlphaPipeline"),
    "PixArt-Sigma": _pixart("PixArtSigmaPipeline"),
}


def clip_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    """The configuration of a CLIP text encoder of one layer."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=_TEXT_WIDTH,
        intermediate_size=2 * _TEXT_WIDTH,
        projection_dim=_TEXT_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=_PROMPT_TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def t5_tokenizer() -> T5Tokenizer:
    """Make a T5 tokenizer that knows letters, digits and spaces."""
    special = ["<pad>", "</s>", "<unk>"]
    return T5Tokenizer(
        vocab=[
            *((token, 0.0) for token in special),
            *((character, -1.0) for character in "▁" + ascii_lowercase + digits),
        ],
        extra_ids=0,
    )


def _vae(blocks: int = 2) -> Any:
    vae: Any = AutoencoderKL(
        block_out_channels=(8,) * blocks,
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=LATENT_SIZE * 2 ** (blocks - 1),
    )
    return vae.eval()


_UNET_CONFIG: dict[str, Any] = {
    "sample_size": LATENT_SIZE,
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 2,
    "block_out_channels": (8, 8, 16, 16),
    "down_block_types": (
        "CrossAttnDownBlock2D",
        "CrossAttnDownBlock2D",
        "CrossAttnDownBlock2D",
        "DownBlock2D",
    ),
    "up_block_types": (
        "UpBlock2D",
        "CrossAttnUpBlock2D",
        "CrossAttnUpBlock2D",
        "CrossAttnUpBlock2D",
    ),
    "cross_attention_dim": _TEXT_WIDTH,
    "attention_head_dim": 2,
    "norm_num_groups": 4,
}


_TIME_WIDTH = 4


_SDXL_UNET_CONFIG: dict[str, Any] = {
    "block_out_channels": (8, 8, 16),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 1, 2),
    "attention_head_dim": (1, 2, 2),
    "use_linear_projection": True,
    "cross_attention_dim": 2 * _TEXT_WIDTH,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": _TIME_WIDTH,
    # The pooled prompt, and the sizes and the crop of the picture: six numbers.
    "projection_class_embeddings_input_dim": _TEXT_WIDTH + 6 * _TIME_WIDTH,
}


_TRANSFORMER_CONFIG: dict[str, Any] = {
    "sample_size": LATENT_SIZE,
    "num_layers": 2,
    "num_attention_heads": 2,
    "attention_head_dim": _TEXT_WIDTH // 2,
    "cross_attention_dim": _TEXT_WIDTH,
    "caption_channels": _TEXT_WIDTH,
    "attention_bias": True,
}


_SCHEDULER_CONFIG: dict[str, dict[str, Any]] = {
    "DDIMScheduler": {"clip_sample": False, "set_alpha_to_one": False},
    "PNDMScheduler": {"skip_prk_steps": True, "set_alpha_to_one": False},
}
