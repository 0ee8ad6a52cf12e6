"""Real diffusers pipelines with tiny random weights, made in memory within a fraction of a second.

They have the topology of Stable Diffusion 1.5, so that all that a method patches is there, and
weights drawn from a seed, so that their pictures mean nothing and can be compared bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from string import ascii_lowercase, digits
from typing import Any

import diffusers
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from accel_space.method import Context
from accel_space.profile import Profile, SchedulerProfile

LATENT_SIZE = 16
"""Four blocks bring 16x16 down to 2x2, the smallest grid on which ToMe has something to merge."""

STEPS = 8
"""T-GATE's first gate is at 5; this leaves it three."""

GUIDANCE_SCALE = 5.0

PROMPTS = ("a red square", "two blue circles")

_TEXT_WIDTH = 16
_PROMPT_TOKENS = 12


def tiny_sd(
    scheduler: str = "DDIMScheduler", seed: int = 0, **unet_config: Any
) -> StableDiffusionPipeline:
    """Build a tiny Stable Diffusion pipeline; the global random generator is left as it is.

    It draws 16x16 pixels, has no safety checker and shows no progress bar.

    Args:
        scheduler: Name of a diffusers scheduler class; it gets Stable Diffusion's betas.
        seed: Seed of the weights.
        unet_config: What differs from the usual UNet configuration.
    """
    tokenizer = tiny_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=_TEXT_WIDTH,
                intermediate_size=2 * _TEXT_WIDTH,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=_PROMPT_TOKENS,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
        unet = UNet2DConditionModel(**{**_UNET_CONFIG, **unet_config})
        vae = AutoencoderKL(
            block_out_channels=(8,),
            down_block_types=("DownEncoderBlock2D",),
            up_block_types=("UpDecoderBlock2D",),
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=LATENT_SIZE,
        )
    pipe = StableDiffusionPipeline(
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=tiny_scheduler(scheduler),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_scheduler(name: str) -> Any:
    """Make a scheduler with Stable Diffusion's betas.

    Args:
        name: Name of a diffusers scheduler class.
    """
    return getattr(diffusers, name)(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        **_SCHEDULER_CONFIG.get(name, {}),
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
    pipe: StableDiffusionPipeline,
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
    scheduler.set_timesteps(steps)
    return Context(
        profile=Profile.from_unet_config(
            type(pipe).__name__, pipe.unet.config, (LATENT_SIZE, LATENT_SIZE)
        ),
        scheduler=SchedulerProfile(
            name=type(scheduler).__name__,
            order=scheduler.order,
            timesteps=tuple(scheduler.timesteps.tolist()),
        ),
        steps=steps,
        guidance_scale=guidance_scale,
        methods=frozenset(methods),
    )


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

_SCHEDULER_CONFIG: dict[str, dict[str, Any]] = {
    "DDIMScheduler": {"clip_sample": False, "set_alpha_to_one": False},
    "PNDMScheduler": {"skip_prk_steps": True, "set_alpha_to_one": False},
}
