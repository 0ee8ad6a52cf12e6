"""What the catalogue says of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from objectives.pipelines.architecture import Architecture, known_architecture, read_architecture
from objectives.pipelines.families import class_of, family_of
from objectives.pipelines.family import FamilyAdapter

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
        size: (height, width) of its pictures in pixels, where no configuration says that.
        max_sequence_length: Tokens that it was trained to read of a prompt, where its pipeline's
            call reads more by itself.
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
    size: tuple[int, int] | None = None
    max_sequence_length: int | None = None

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
    def call(self) -> Mapping[str, Any]:
        """What its calls take besides prompt, size, steps, guidance, seeds and output."""
        length = self.max_sequence_length
        return {**self.family.call, **({"max_sequence_length": length} if length else {})}

    def call_at(self, guidance_scale: float) -> dict[str, Any]:
        """What its calls take besides prompt, size, steps, seeds and output."""
        return {**self.family.guided_by(guidance_scale), **self.call}

    def size_with(self, architecture: Architecture) -> tuple[int, int]:
        """(height, width) of the pictures of a model, in pixels, where a person names none."""
        return self.size or architecture.native_size

    @property
    def architecture(self) -> Architecture:
        """The architecture of its own model, known without the model."""
        if isinstance(self.model, Path):
            return read_architecture(self.model, self.pipeline_class)
        return known_architecture(self.name)
