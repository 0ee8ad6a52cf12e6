"""Real diffusers pipelines with tiny random weights, made in memory within a fraction of a second.

They have the topology of the family that they stand for, so that all that a method patches is
there, and weights drawn from a seed, so that their pictures mean nothing and can be compared bit
for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from accel_space.method import Context
from accel_space.profile import Profile
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.families import family_of
from objectives.pipelines.schedulers import scheduler_profile
from tests.tiny_parts import LATENT_SIZE, MAKERS, stable_diffusion, tiny_scheduler
from tests.tiny_transformers import FLOW_MAKERS

STEPS = 8
"""T-GATE's first gate is at 5; this leaves it three."""

GUIDANCE_SCALE = 5.0

PROMPTS = ("a red square", "two blue circles")

FAMILIES = ("SD1.5", "SD2.1", "SDXL", "PixArt-alpha", "PixArt-Sigma")
"""What `tiny_pipeline` makes with schedulers of the usual kind; the names are the catalogue's."""

FLOW_FAMILIES = tuple(FLOW_MAKERS)
"""What it makes with schedulers of flow matching."""

EVERY_FAMILY = (*FAMILIES, *FLOW_FAMILIES)

PICTURE_SIZE = 32
"""Pixels of a side of what `tiny_pipeline` draws; a latent pixel stands for 2x2 of them."""

SHORT: Mapping[str, Any] = {
    "max_sequence_length": 16,
    "height": PICTURE_SIZE,
    "width": PICTURE_SIZE,
}

CALLS: dict[str, Mapping[str, Any]] = {
    **{name: PIPELINES[name].call for name in FAMILIES},
    # They would pad each prompt to hundreds of tokens.
    **{name: {**PIPELINES[name].call, **SHORT} for name in FLOW_FAMILIES},
    "Z-Image": {**SHORT, "max_sequence_length": 64},
    # The template around each prompt is of 150 tokens.
    "Qwen-Image": {
        **SHORT,
        "max_sequence_length": 512,
        "true_cfg_scale": GUIDANCE_SCALE,
        "guidance_scale": None,
    },
}
"""What a family's call is given besides what every call is given."""


def tiny_pipeline(family: str, scheduler: str = "", seed: int = 0, **denoiser_config: Any) -> Any:
    """Build a tiny pipeline of one of `FAMILIES` or `FLOW_FAMILIES`, in diffusers' own classes.

    It draws 32x32 pixels from 16x16 latents, has no safety checker and shows no progress bar; the
    global random generator is left as it is.

    Args:
        family: The family.
        scheduler: Name of a diffusers scheduler class, DDIMScheduler if empty; it gets Stable
            Diffusion's betas. Flow matching has its own scheduler whatever is asked for.
        seed: Seed of the weights.
        denoiser_config: What differs from the usual configuration of the UNet or transformer.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipe = {**MAKERS, **FLOW_MAKERS}[family](denoiser_config)
    if family in FAMILIES:
        v_prediction = {"prediction_type": "v_prediction"} if family == "SD2.1" else {}
        pipe.scheduler = tiny_scheduler(scheduler or "DDIMScheduler", **v_prediction)
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
        pipe = stable_diffusion(unet_config, vae_blocks=1)
    pipe.scheduler = tiny_scheduler(scheduler)
    pipe.set_progress_bar_config(disable=True)
    return pipe


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
    profile = tiny_profile(pipe)
    return Context(
        profile=profile,
        scheduler=scheduler_profile(pipe.scheduler, steps, profile),
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
    if "true_cfg_scale" in call:
        # It is guided where there is a negative prompt.
        call.setdefault("negative_prompt", [""] * batch)
    latents: torch.Tensor = generate(
        list(PROMPTS[:batch]),
        num_inference_steps=steps,
        generator=[torch.Generator().manual_seed(seed) for seed in range(batch)],
        **{"guidance_scale": GUIDANCE_SCALE, "output_type": "latent", **call},
    ).images
    return latents
