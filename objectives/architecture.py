"""What a model's configurations say of it; its weights are not read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_space.profile import Profile
from objectives.errors import InputError

ARCHITECTURES = Path(__file__).parent / "architectures"
"""The configurations of the catalogue's models, known before any download."""

BLOCKS = {"unet": "down_block_types", "transformer": "num_layers", "vae": "block_out_channels"}
"""What the configuration of a part must hold for its architecture to be known."""


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
            InputError: If the size is no multiple of the VAE's factor.
        """
        for side in (height, width):
            if side % self.vae_factor:
                raise InputError(
                    f"the picture size must be a multiple of {self.vae_factor}: {side}"
                )
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
    index = _read_json(folder, "model_index.json")
    found = index.get("_class_name")
    if found != pipeline_class:
        raise InputError(f"this pipeline is a {pipeline_class}, and {folder} holds a {found}")
    name = "transformer" if "transformer" in index else "unet"
    denoiser, vae = (_read_json(folder, f"{part}/config.json") for part in (name, "vae"))
    for part, config in ((name, denoiser), ("vae", vae)):
        if not config.get(BLOCKS[part]):
            raise InputError(f"{folder / part / 'config.json'} must tell its {BLOCKS[part]}")
    if not denoiser.get("sample_size"):
        raise InputError(f"{folder / name / 'config.json'} must tell its sample_size")
    return Architecture(
        pipeline_class=pipeline_class,
        denoiser=denoiser,
        scheduler=_read_json(folder, "scheduler/scheduler_config.json"),
        vae_factor=_vae_factor(vae),
    )


def _vae_factor(vae: dict[str, Any]) -> int:
    factor: int = 2 ** (len(vae["block_out_channels"]) - 1)
    return factor


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
