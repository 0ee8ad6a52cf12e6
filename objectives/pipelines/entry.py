"""What the catalogue says about a pipeline."""

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
    """What differs between pipelines.

    It repeats neither the model's configuration files (size, VAE precision, what the denoiser
    predicts, timestep spacing) nor what its family and its class share.

    Attributes:
        name: The catalogue name.
        pipeline_class: Name of the diffusers pipeline class, which a family lists.
        model: A folder in diffusers layout, or an address on the Hugging Face Hub.
        guidance_scale: The scale that gives its best pictures; guidance is on above 1.
        steps: Denoising steps if a person does not choose.
        scorer: The open_clip model that scores its pictures, as `--scorer` takes it.
        prompts: The prompts of the default protocol.
        num_samples: How many prompts the default protocol uses.
        batch_size: How many of them are generated together.
        variant: The weights' variant on the Hub.
        words: Other names that people use for it in a task.
        size: (height, width) of its pictures in pixels, if no configuration says it.
        max_sequence_length: Tokens of a prompt that it was trained to read, if its pipeline's
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
        """Its family, with what it shares with other pipelines."""
        return family_of(self.pipeline_class)

    @property
    def usual_scheduler(self) -> str:
        """The scheduler if a person names none, as studies name it."""
        return self.family.usual_scheduler

    @property
    def parts(self) -> Mapping[str, Any]:
        """Arguments of its `from_pretrained` that make sure only the model is timed."""
        return class_of(self.pipeline_class).parts

    @property
    def call(self) -> Mapping[str, Any]:
        """Further arguments of its calls: not prompt, size, steps, guidance, seeds or output."""
        length = self.max_sequence_length
        return {**self.family.call, **({"max_sequence_length": length} if length else {})}

    def call_at(self, guidance_scale: float) -> dict[str, Any]:
        """Further arguments of its calls: not prompt, size, steps, seeds or output."""
        return {**self.family.guided_by(guidance_scale), **self.call}

    def size_with(self, architecture: Architecture) -> tuple[int, int]:
        """(height, width) of a model's pictures, in pixels, if a person chooses none."""
        return self.size or architecture.native_size

    @property
    def architecture(self) -> Architecture:
        """The architecture of its own model, known without the model's files."""
        if isinstance(self.model, Path):
            return read_architecture(self.model, self.pipeline_class)
        return known_architecture(self.name)
