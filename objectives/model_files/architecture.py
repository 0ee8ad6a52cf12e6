"""What a model's configurations say of it; its weights are not read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import lcm
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from accel_space.profile import Profile
from objectives.errors import InputError
from objectives.files import read_text

ARCHITECTURES = Path(__file__).parent / "architectures"
"""The configurations of the catalogue's models, known before any download."""

SIDE_STEP = 8
"""The calls of diffusers' pipelines refuse sides that are no multiple of it, whatever the VAE."""

_Count = Annotated[int, Field(ge=1)]
_Checked = TypeVar("_Checked", bound="_Config")


class _Config(BaseModel):
    """What the configuration of a part must hold for its architecture to be known."""

    model_config = ConfigDict(strict=True)


class _Denoiser(_Config):
    sample_size: _Count | Annotated[list[_Count], Field(min_length=2, max_length=2)]
    in_channels: _Count = 4


class _Unet(_Denoiser):
    down_block_types: Annotated[list[str], Field(min_length=1)]
    mid_block_type: str | None = None


class _Transformer(_Denoiser):
    num_layers: _Count
    patch_size: _Count


class _Vae(_Config):
    block_out_channels: Annotated[list[_Count], Field(min_length=1)]
    latent_channels: _Count = 4


@dataclass(frozen=True)
class Architecture:
    """The configurations of a model.

    Attributes:
        pipeline_class: Name of the diffusers pipeline class.
        denoiser: Contents of the UNet's or the transformer's config.json.
        scheduler: Contents of scheduler/scheduler_config.json.
        vae_factor: Pixels of a picture's side for one latent pixel.
    """

    pipeline_class: str
    denoiser: dict[str, Any]
    scheduler: dict[str, Any]
    vae_factor: int

    @property
    def native_size(self) -> tuple[int, int]:
        """(height, width) of the pictures that the model was made for, in pixels."""
        side = self.denoiser["sample_size"]
        height, width = side if isinstance(side, list) else (side, side)
        return height * self.vae_factor, width * self.vae_factor

    def profile(self, height: int, width: int) -> Profile:
        """Describe the architecture at a picture size, in pixels.

        Raises:
            InputError: If the model cannot draw pictures of this size.
        """
        step = lcm(SIDE_STEP, self.vae_factor * self.denoiser.get("patch_size", 1))
        for side in (height, width):
            if side % step:
                raise InputError(f"the picture size must be a multiple of {step}: {side}")
        latent_size = (height // self.vae_factor, width // self.vae_factor)
        if "down_block_types" in self.denoiser:
            return Profile.from_unet_config(self.pipeline_class, self.denoiser, latent_size)
        return Profile.from_transformer_config(self.pipeline_class, self.denoiser, latent_size)


def known_architecture(name: str) -> Architecture:
    """Tell the architecture of a model of the catalogue without having the model.

    Args:
        name: A pipeline's name in the catalogue that has a file in `ARCHITECTURES`.
    """
    parts = known_parts(name)
    return Architecture(
        pipeline_class=parts["pipeline_class"],
        denoiser=parts.get("unet") or parts["transformer"],
        scheduler=parts["scheduler"],
        vae_factor=_vae_factor(parts["vae"]),
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
        InputError: If the folder is none, or holds a pipeline of another class.
    """
    index = read_config(folder, "model_index.json")
    found = index.get("_class_name")
    if found != pipeline_class:
        raise InputError(f"this pipeline is a {pipeline_class}, and {folder} holds a {found}")
    name = "transformer" if "transformer" in index else "unet"
    denoiser = read_config(folder, f"{name}/config.json")
    vae = read_config(folder, "vae/config.json")
    wanted = _Transformer if name == "transformer" else _Unet
    takes = _checked(wanted, denoiser, folder / name / "config.json").in_channels
    makes = _checked(_Vae, vae, folder / "vae/config.json").latent_channels
    if takes != makes:
        raise InputError(
            f"{folder / name / 'config.json'}: in_channels is {takes}, and the latents have {makes}"
            ": such a model draws from a picture (inpainting), and this pipeline from prompts "
            "alone; give another --model"
        )
    return Architecture(
        pipeline_class=pipeline_class,
        denoiser=denoiser,
        scheduler=read_config(folder, "scheduler/scheduler_config.json"),
        vae_factor=_vae_factor(vae),
    )


def read_config(folder: Path, name: str) -> dict[str, Any]:
    """Read a configuration of a model folder.

    Args:
        folder: The model folder.
        name: Where in it.

    Raises:
        InputError: If it is missing or holds no JSON object.
    """
    try:
        content = json.loads(read_text(folder / name))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"no model in diffusers layout at {folder}: {name} cannot be read; "
            "save one there with pipe.save_pretrained(), or give another --model"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{folder / name} must hold a JSON object")
    return content


def _checked(wanted: type[_Checked], config: dict[str, Any], path: Path) -> _Checked:
    try:
        return wanted.model_validate(config)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise InputError(
            f"{path} must tell its {first['loc'][0]}: {first['msg'].lower()}"
        ) from error


def _vae_factor(vae: dict[str, Any]) -> int:
    factor: int = 2 ** (len(vae["block_out_channels"]) - 1)
    return factor
