"""The environment: the device and the library versions that a measurement was made with."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from accel_space.method import Method
from objectives.errors import InputError
from objectives.timing.device import device_name, driver_version
from storage.records.environment import Environment

if TYPE_CHECKING:
    import torch

LIBRARIES = ("torch", "diffusers", "transformers", "open_clip_torch")
"""Libraries whose version can change any latency or picture; methods add their own."""


def this_environment(
    device: torch.device, methods: Iterable[Method] = (), others: Iterable[str] = ()
) -> Environment:
    """Read the environment of this process, as far as a study uses it.

    Args:
        device: The device.
        methods: The methods that it measures.
        others: Further libraries that it needs, as pip names them.

    Raises:
        InputError: If a method's library is not installed.
    """
    import torch

    versions = {"python": platform.python_version(), "driver": driver_version(device)}
    versions |= {library: version(library) for library in (*LIBRARIES, *others)}
    versions |= {
        method.library: _version(method.library, method.name)
        for method in methods
        if method.library
    }
    # Unlike the package's version, this one names the CUDA build.
    versions["torch"] = str(torch.__version__)
    return Environment(device=device_name(device), versions=versions)


def _version(library: str, method: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        raise InputError(
            f"{method} needs {library}, which is not installed; pip install {library}"
        ) from None
