"""Real diffusers pipelines with tiny random weights, made in memory within a fraction of a second.

They have the topology of the family that they stand for, so that all that a method patches is
there, and weights drawn from a seed, so that their pictures mean nothing and can be compared bit
for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from string import ascii_lowercase, digits
from typing import Any

import diffusers
import torch
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

from accel_space.method import Context
from accel_space.profile import Profile, SchedulerProfile
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.families import family_of

LATENT_SIZE = 16
"""Four blocks bring 16x16 down to 2x2, the smallest grid on which ToMe has something to merge."""

STEPS = 8
"""T-GATE's first gate is at 5; this leaves it three."""

GUIDANCE_SCALE = 5.0

PROMPTS = ("a red square", "two blue circles")

FAMILIES = ("SD1.5", "SD2.1", "SDXL", "PixArt-alpha", "PixArt-Sigma")
"""What `tiny_pipeline` makes; the names are the catalogue's."""

PICTURE_SIZE = 32
"""Pixels of a side of what `tiny_pipeline` draws; a latent pixel stands for 2x2 of them."""

CALLS: dict[str, Mapping[str, Any]] = {name: PIPELINES[name].family.call for name in FAMILIES}
"""What a family's call must be given besides what every call is given."""

_TEXT_WIDTH = 16
_PROMPT_TOKENS = 12


def tiny_pipeline(
    family: str, scheduler: str = "DDIMScheduler", seed: int = 0, **denoiser_config: Any
) -> Any:
    """Build a tiny pipeline of one of `FAMILIES`, in diffusers' own classes.

    It draws 32x32 pixels from 16x16 latents, has no safety checker and shows no progress bar; the
    global random generator is left as it is.

    Args:
        family: One of `FAMILIES`.
        scheduler: Name of a diffusers scheduler class; it gets Stable Diffusion's betas.
        seed: Seed of the weights.
        denoiser_config: What differs from the usual configuration of the UNet or transformer.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipe = _MAKERS[family](denoiser_config)
    v_prediction = {"prediction_type": "v_prediction"} if family == "SD2.1" else {}
    pipe.scheduler = tiny_scheduler(scheduler, **v_prediction)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def save_tiny(family: str, folder: Path, **options: Any) -> Path:
    """Save a tiny pipeline as a model folder in diffusers layout, and return the folder.

    Args:
        family: One of `FAMILIES`.
        folder: Where to; it is made.
        options: As for `tiny_pipeline`.
    """
    tiny_pipeline(family, **options).save_pretrained(folder)
    return folder


def tiny_sd(scheduler: str = "DDIMScheduler", seed: int = 0, **unet_config: Any) -> Any:
    """Build a tiny Stable Diffusion pipeline; the global random generator is left as it is.

    It draws 16x16 pixels, has no safety checker and shows no progress bar.

    Args:
        scheduler: Name of a diffusers scheduler class; it gets Stable Diffusion's betas.
        seed: Seed of the weights.
        unet_config: What differs from the usual UNet configuration.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipe = _stable_diffusion(unet_config, vae_blocks=1)
    pipe.scheduler = tiny_scheduler(scheduler)
    pipe.set_progress_bar_config(disable=True)
    return pipe


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


def tiny_context(
    pipe: Any,
    methods: Iterable[str],
    steps: int = STEPS,
    guidance_scale: float = GUIDANCE_SCALE,
) -> Context:
    """Describe a tiny pipeline to accel_space; the pipeline itself is left as it is.

    Args:
        pipe: The pipeline.
        methods: Names of the methods of the stack.
        steps: Number of steps.
        guidance_scale: Classifier-free guidance is on above 1.
    """
    scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)
    return Context(
        profile=tiny_profile(pipe),
        scheduler=SchedulerProfile(
            name=type(scheduler).__name__,
            order=scheduler.order,
            timesteps=_timesteps(scheduler, steps),
            timesteps_at=lambda count: _timesteps(scheduler, count),
        ),
        steps=steps,
        guidance_scale=guidance_scale,
        methods=frozenset(methods),
    )


def tiny_profile(pipe: Any, latent_size: tuple[int, int] = (LATENT_SIZE, LATENT_SIZE)) -> Profile:
    """Describe a pipeline to the methods at any size.

    Args:
        pipe: The pipeline, of a family that is known.
        latent_size: (height, width) of the latent.
    """
    name = type(pipe).__name__
    config = family_of(name).config.model_validate(dict(denoiser_of(pipe).config))
    return config.profile(name, latent_size)


def denoiser_of(pipe: Any) -> Any:
    """The module that predicts the noise."""
    return family_of(type(pipe).__name__).values.denoiser_of(pipe)


def _timesteps(scheduler: Any, steps: int) -> tuple[float, ...]:
    scheduler.set_timesteps(steps)
    return tuple(scheduler.timesteps.tolist())


def draw(
    generate: Callable[..., Any], batch: int = 1, steps: int = STEPS, **call: Any
) -> torch.Tensor:
    """Generate from the first prompts with fixed seeds.

    Args:
        generate: A pipeline, or what a stack yields.
        batch: How many of `PROMPTS`.
        steps: Number of steps.
        call: Further arguments of the call.

    Returns:
        Latents: in them no difference is rounded or cut away.
    """
    latents: torch.Tensor = generate(
        list(PROMPTS[:batch]),
        num_inference_steps=steps,
        guidance_scale=GUIDANCE_SCALE,
        generator=[torch.Generator().manual_seed(seed) for seed in range(batch)],
        **{"output_type": "latent", **call},
    ).images
    return latents


def _stable_diffusion(unet_config: dict[str, Any], vae_blocks: int = 2) -> Any:
    tokenizer = tiny_tokenizer()
    text_encoder: Any = CLIPTextModel(_clip_config(tokenizer))
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
    return _stable_diffusion({**linear, **unet_config})


def _stable_diffusion_xl(unet_config: dict[str, Any]) -> Any:
    tokenizer = tiny_tokenizer()
    text_encoder: Any = CLIPTextModel(_clip_config(tokenizer))
    text_encoder_2: Any = CLIPTextModelWithProjection(_clip_config(tokenizer))
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
        tokenizer = _t5_tokenizer()
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


_MAKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "SD1.5": _stable_diffusion,
    "SD2.1": _stable_diffusion_2,
    "SDXL": _stable_diffusion_xl,
    "PixArt-alpha": _pixart("PixArtAlphaPipeline"),
    "PixArt-Sigma": _pixart("PixArtSigmaPipeline"),
}


def _clip_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
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


def _t5_tokenizer() -> T5Tokenizer:
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
