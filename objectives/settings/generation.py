"""The settings of a generation that a person chooses; the pipeline decides all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from accel_space.profile import Profile
from objectives.errors import InputError
from objectives.pipelines.architecture import Architecture
from objectives.pipelines.entry import PipelineEntry
from objectives.pipelines.loras import FoundLora, find_lora
from storage.foreign import shown
from storage.records.protocol import Dtype

if TYPE_CHECKING:
    import torch

SIDES = range(8, 8193)
"""Pixels of a side of a picture: more fit into no memory."""

MOST_GUIDANCE = 1000

MOST_SCALE = 100
"""Limit of a LoRA's scale; pictures fall to pieces long before."""

MOST_CHARACTERS = 2000
"""Limit of a negative prompt's characters; no pipeline reads as many."""


Setting = bool | int | float | str
"""The value of a scheduler's option."""


@dataclass(frozen=True)
class AskedLora:
    """A LoRA to load on top of the model.

    Attributes:
        path: A safetensors file.
        scale: How strongly it is to work.
    """

    path: Path
    scale: float = 1.0


@dataclass(frozen=True)
class GenerationSettings:
    """How pictures are drawn.

    Attributes:
        guidance_scale: Classifier-free guidance is on above 1; None means the pipeline's own.
        size: (width, height) in pixels; None means the size that the model was made for.
        dtype: Type of the weights; None means the family's own on the device.
        negative_prompt: What pictures are guided away from; empty for nothing.
        scheduler_options: Arguments of the scheduler to change, by name.
        loras: The LoRAs to fuse into the weights, in that order.
    """

    guidance_scale: float | None = None
    size: tuple[int, int] | None = None
    dtype: Dtype | None = None
    negative_prompt: str = ""
    scheduler_options: Mapping[str, Setting] = field(default_factory=dict, hash=False)
    loras: tuple[AskedLora, ...] = ()

    def check(self) -> None:
        """Check what can be checked without a model and without a device.

        Raises:
            InputError: If no pipeline can take a value.
        """
        guidance, text = self.guidance_scale, self.negative_prompt
        if guidance is not None and not 0 <= guidance <= MOST_GUIDANCE:
            raise InputError(
                f"--guidance must be a number from 0 to {MOST_GUIDANCE}, and {guidance:g} was given"
            )
        if self.size is not None and not all(side in SIDES for side in self.size):
            raise InputError(
                f"--size takes sides of {SIDES[0]} to {SIDES[-1]} pixels, and "
                f"{'x'.join(map(shown, self.size))} was given"
            )
        if len(text) > MOST_CHARACTERS or not text.isprintable():
            raise InputError(
                f"--negative-prompt takes one line of at most {MOST_CHARACTERS} printable "
                f"characters, and {shown(text)} was given"
            )
        for lora in self.loras:
            if not 0 < abs(lora.scale) <= MOST_SCALE:
                raise InputError(
                    f"--lora takes a scale from -{MOST_SCALE} to {MOST_SCALE} that is not 0, and "
                    f"{lora.scale:g} was given for {lora.path}"
                )
        if text and guidance is not None and guidance <= 1:
            raise InputError(
                f"--negative-prompt does nothing at a guidance of {guidance:g}, which is off; give "
                "a --guidance above 1, or leave the negative prompt out"
            )

    @property
    def lora_paths(self) -> list[Path]:
        """The files of the LoRAs."""
        return [lora.path for lora in self.loras]

    def over(self, other: GenerationSettings) -> GenerationSettings:
        """These settings, completed by those of another."""
        own = {name: getattr(self, name) for name in vars(self)}
        return replace(other, **{name: each for name, each in own.items() if each or each == 0.0})

    def find_loras(self) -> tuple[FoundLora, ...]:
        """Find the files of the LoRAs.

        Raises:
            InputError: If one is no LoRA, or is not there.
        """
        return tuple(find_lora(lora.path, lora.scale) for lora in self.loras)

    def guidance_with(self, entry: PipelineEntry) -> float:
        """The guidance scale for a pipeline of the catalogue."""
        return entry.guidance_scale if self.guidance_scale is None else self.guidance_scale

    def size_with(self, entry: PipelineEntry, architecture: Architecture) -> tuple[int, int]:
        """(height, width) in pixels for a model of a pipeline of the catalogue."""
        return entry.size_with(architecture) if self.size is None else self.size[::-1]

    def dtype_with(self, entry: PipelineEntry, device: torch.device) -> Dtype:
        """The type of the weights for a pipeline on a device.

        Raises:
            InputError: If the device does not compute in it.
        """
        if self.dtype == "float16" and device.type == "cpu":
            raise InputError(
                "--dtype fp16 needs a GPU: a CPU computes in it far slower than in fp32; give "
                "--dtype bf16 or fp32, or --device cuda"
            )
        return self.dtype or entry.family.dtype_on(device)

    def check_used(self, profile: Profile) -> None:
        """Check that the model uses the negative prompt.

        Raises:
            InputError: If it does not, as it is not guided by halves.
        """
        if self.negative_prompt and profile.guidance not in ("halves", "calls"):
            raise InputError(
                "--negative-prompt does nothing with this model, which draws without classifier-"
                "free guidance; leave it out"
            )


def usable_dtype(dtype: Dtype, device: torch.device) -> Dtype:
    """Choose the type of the weights on a device for weights measured in another.

    Args:
        dtype: The type in the measurement.
        device: Where pictures are drawn; on a CPU half precision is less exact and no faster.
    """
    return "float32" if dtype == "float16" and device.type == "cpu" else dtype
