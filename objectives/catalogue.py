"""The pipelines that accelfront knows by name. Adding a pipeline is adding an entry."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_space.profile import Profile
from objectives import embedded
from objectives.errors import InputError


@dataclass(frozen=True)
class PipelineEntry:
    """Everything that differs by pipeline.

    Attributes:
        name: The catalogue name.
        pipeline_class: Name of the diffusers pipeline class.
        model: The folder, in diffusers layout, that holds its weights.
        scorer: The folder of the open_clip model that scores its pictures.
        prompts: The prompts of the default protocol.
        height: Native picture height, in pixels.
        width: Native picture width, in pixels.
        guidance_scale: What its pictures are best at; guidance is on above 1.
        num_samples: How many prompts the default protocol uses.
        batch_size: How many of them are generated together.
    """

    name: str
    pipeline_class: str
    model: Path
    scorer: Path
    prompts: Path
    height: int
    width: int
    guidance_scale: float
    num_samples: int
    batch_size: int


PIPELINES = {
    entry.name: entry
    for entry in (
        PipelineEntry(
            name="tiny-shapes",
            pipeline_class="StableDiffusionPipeline",
            model=embedded.PIPELINE_DIR,
            scorer=embedded.SCORER_DIR,
            prompts=embedded.PROMPTS_FILE,
            height=64,
            width=64,
            # More than serves its pictures best: there DeepCache costs them almost nothing, and a
            # study would have nothing to weigh (benchmarks/results/embedded-guidance.md).
            guidance_scale=12.0,
            num_samples=32,
            batch_size=4,
        ),
    )
}


def find_pipeline(name: str) -> PipelineEntry:
    """Look a pipeline up by its catalogue name; case does not matter.

    Raises:
        InputError: If the catalogue has no such pipeline.
    """
    for entry in PIPELINES.values():
        if entry.name.lower() == name.lower():
            return entry
    raise InputError(f"unknown pipeline {name!r}; the catalogue has {', '.join(PIPELINES)}")


@dataclass(frozen=True)
class Architecture:
    """The configurations of a model folder; its weights are not read.

    Attributes:
        folder: The model folder.
        unet: Contents of unet/config.json.
        scheduler: Contents of scheduler/scheduler_config.json.
        pipeline_class: Name of the diffusers pipeline class.
        vae_factor: Pixels of a picture's side for one latent pixel.
    """

    folder: Path
    unet: dict[str, Any]
    scheduler: dict[str, Any]
    pipeline_class: str
    vae_factor: int

    def profile(self, height: int, width: int) -> Profile:
        """Describe the architecture at a picture size, in pixels.

        Raises:
            InputError: If the size is no multiple of the VAE's factor.
        """
        for side in (height, width):
            if side % self.vae_factor:
                raise InputError(
                    f"the picture size must be a multiple of {self.vae_factor}: {side}"
                )
        latent_size = (height // self.vae_factor, width // self.vae_factor)
        return Profile.from_unet_config(self.pipeline_class, self.unet, latent_size)


def read_architecture(entry: PipelineEntry, folder: Path) -> Architecture:
    """Read the configurations of a model folder.

    Args:
        entry: The catalogue entry that the folder is to stand for.
        folder: A folder in diffusers layout.

    Raises:
        InputError: If the folder is none, or holds a pipeline of another class.
    """
    index = _read_json(folder, "model_index.json")
    found = index.get("_class_name")
    if found != entry.pipeline_class:
        raise InputError(f"{entry.name} is a {entry.pipeline_class}, and {folder} holds a {found}")
    vae = _read_json(folder, "vae/config.json")
    unet = _read_json(folder, "unet/config.json")
    for name, config, key in (
        ("vae", vae, "block_out_channels"),
        ("unet", unet, "down_block_types"),
    ):
        if not isinstance(config.get(key), list):
            raise InputError(f"{folder / name / 'config.json'} must list its {key}")
    return Architecture(
        folder=folder,
        unet=unet,
        scheduler=_read_json(folder, "scheduler/scheduler_config.json"),
        pipeline_class=entry.pipeline_class,
        vae_factor=2 ** (len(vae["block_out_channels"]) - 1),
    )


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"no model in diffusers layout at {folder}: {name} cannot be read; "
            "save one there with pipe.save_pretrained(), or give another --model"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{folder / name} must hold a JSON object")
    return content
