"""What a model's configurations say about it; its weights are not read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import lcm
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from accel_space.profile import Profile
from objectives.errors import InputError
from objectives.model_files.layout import INDEX, SAVE_ANEW, read_config
from objectives.pipelines.families import family_of
from objectives.pipelines.family import DenoiserConfig

ARCHITECTURES = Path(__file__).parent / "architectures"
"""The configurations of the catalogue's models, known before any download."""

SIDE_STEP = 8
"""Calls of diffusers' pipelines refuse sides that are not a multiple of this, whatever the VAE."""

_Checked = TypeVar("_Checked", bound=BaseModel)


@dataclass(frozen=True)
class Architecture:
    """The configurations of a model.

    Attributes:
        pipeline_class: Name of the diffusers pipeline class.
        denoiser: Its denoiser's config.json.
        scheduler: Contents of scheduler/scheduler_config.json.
        vae_factor: Pixels of a picture's side for one latent pixel.
    """

    pipeline_class: str
    denoiser: DenoiserConfig
    scheduler: dict[str, Any]
    vae_factor: int

    @property
    def native_size(self) -> tuple[int, int]:
        """(height, width) of the pictures that the model was made for, in pixels."""
        height, width = self.denoiser.native_latent_size
        return height * self.vae_factor, width * self.vae_factor

    def works_as(self, other: Architecture) -> bool:
        """Whether both look the same to methods, however else their files differ."""
        return self._for_methods == other._for_methods

    def is_sized_as(self, other: Architecture) -> bool:
        """Whether both look the same to methods, except for the scheduler."""
        return self._for_methods[:2] == other._for_methods[:2]

    @property
    def _for_methods(self) -> tuple[Profile, int, dict[str, Any]]:
        """The facts that the space of a study depends on."""
        # Keys about the files alone: the release that wrote them, and their origin.
        private = [name for name in self.scheduler if name.startswith("_")]
        scheduler = {name: self.scheduler[name] for name in self.scheduler.keys() - private}
        return self.profile(*self.native_size), self.vae_factor, scheduler

    def profile(self, height: int, width: int) -> Profile:
        """Describe the architecture at a picture size, in pixels.

        Raises:
            InputError: If the model cannot draw pictures of this size.
        """
        step = lcm(SIDE_STEP, self.vae_factor * self.denoiser.patch)
        if height % step or width % step:
            near = (max(step, side // step * step) for side in (width, height))
            raise InputError(
                f"the sides of this model's pictures must be multiples of {step}, and "
                f"{width}x{height} (width x height) was asked for; give "
                f"{'x'.join(map(str, near))}"
            )
        latent_size = (height // self.vae_factor, width // self.vae_factor)
        return self.denoiser.profile(self.pipeline_class, latent_size)


def known_architecture(name: str) -> Architecture:
    """Read the architecture of a model of the catalogue from our own copy of its configurations.

    Args:
        name: A pipeline's name in the catalogue that has a file in `ARCHITECTURES`.
    """
    parts = known_parts(name)
    family = family_of(parts["pipeline_class"])
    return Architecture(
        pipeline_class=parts["pipeline_class"],
        denoiser=family.config.model_validate(parts[family.values.denoiser]),
        scheduler=parts["scheduler"],
        vae_factor=family.vae.model_validate(parts["vae"]).factor,
    )


def known_parts(name: str) -> dict[str, Any]:
    """The configurations of a model of the catalogue by part, and its `pipeline_class`."""
    parts: dict[str, Any] = json.loads((ARCHITECTURES / f"{name}.json").read_text("utf-8"))
    return parts


def read_architecture(folder: Path, pipeline_class: str) -> Architecture:
    """Read the configurations of a model folder.

    Args:
        folder: A folder in diffusers layout.
        pipeline_class: The class that it must hold.

    Raises:
        InputError: If the folder holds no pipeline, or one of another class.
    """
    index = read_config(folder, INDEX)
    found = index.get("_class_name")
    if found != pipeline_class:
        raise InputError(f"this pipeline is a {pipeline_class}, and {folder} holds a {found}")
    denoiser = family_of(pipeline_class).values.denoiser
    parts = {part: read_config(folder, f"{part}/config.json") for part in (denoiser, "vae")}
    scheduler = read_config(folder, "scheduler/scheduler_config.json")
    return _architecture(
        pipeline_class, parts, scheduler, lambda part: f"{folder / part}/config.json"
    )


def architecture_of(pipe: Any) -> Architecture:
    """Describe a pipeline in memory; its scheduler is the one that it has now.

    Args:
        pipe: A diffusers pipeline of a class that a family lists, with all its parts.

    Raises:
        InputError: If its configuration lacks something, or it needs a picture as input.
    """
    name = type(pipe).__name__
    denoiser = family_of(name).values.denoiser
    parts = {part: _as_in_file(getattr(pipe, part).config) for part in (denoiser, "vae")}
    scheduler = _as_in_file(pipe.scheduler.config)
    scheduler["_class_name"] = type(pipe.scheduler).__name__
    return _architecture(name, parts, scheduler, lambda part: f"the configuration of the {part}")


def _as_in_file(config: Any) -> dict[str, Any]:
    """A configuration as its file would hold it, with lists for tuples."""
    content: dict[str, Any] = json.loads(json.dumps(dict(config), default=str))
    return content


def _architecture(
    pipeline_class: str,
    parts: dict[str, dict[str, Any]],
    scheduler: dict[str, Any],
    where: Callable[[str], str],
) -> Architecture:
    """Check the configurations of the denoiser and the VAE; `where` names them in messages."""
    family = family_of(pipeline_class)
    name = family.values.denoiser
    denoiser = _checked(family.config, parts[name], where(name))
    vae = _checked(family.vae, parts["vae"], where("vae"))
    if denoiser.latent_channels != vae.channels:
        raise InputError(
            f"{where(name)}: in_channels is {denoiser.in_channels}, and the latents have "
            f"{vae.channels}: such a model draws from a picture (inpainting), and this "
            "pipeline from prompts alone; give another model"
        )
    return Architecture(pipeline_class, denoiser, scheduler, vae.factor)


def _checked(wanted: type[_Checked], config: dict[str, Any], where: str) -> _Checked:
    try:
        return wanted.model_validate(config)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise InputError(
            f"{where} has no usable {first['loc'][0]}: {first['msg'].lower()}; {SAVE_ANEW}"
        ) from error
