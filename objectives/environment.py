"""The environment: the device and the library versions that a measurement was made with."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from objectives.device import device_name, driver_version

if TYPE_CHECKING:
    import torch

LIBRARIES = (
    "torch", "diffusers", "transformers", "DeepCache", "tgate", "tomesd", "open_clip_torch",
)  # fmt: skip
"""Libraries whose version can change a latency or a picture."""


class Environment(BaseModel):
    """Where a measurement was made.

    Attributes:
        device: The device's name; part of a study's identity.
        versions: Version by name: Python, the GPU's driver, and `LIBRARIES`.
    """

    model_config = ConfigDict(frozen=True)

    device: str
    versions: dict[str, str]


def this_environment(device: torch.device) -> Environment:
    """Read the environment of this process."""
    import torch

    versions = {"python": platform.python_version(), "driver": driver_version(device)}
    versions |= {library: version(library) for library in LIBRARIES}
    # Unlike the package's version this one tells CUDA builds apart.
    versions["torch"] = str(torch.__version__)
    return Environment(device=device_name(device), versions=versions)


def version_drift(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """List what differs, as `torch 2.11.0 -> 2.12.0`; empty if nothing does."""
    names = [*before, *(name for name in now if name not in before)]
    return [
        f"{name} {before.get(name) or 'none'} -> {now.get(name) or 'none'}"
        for name in names
        if before.get(name) != now.get(name)
    ]
