"""accelfront from Python; the command line is in accelfront/cli/. Nothing imports this package.

Its names are loaded when they are first used, so that the import takes no time and no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from accelfront.rooms import prefer_ours, warn_of_others

if TYPE_CHECKING:
    from accelfront.api.accelerating import DifferenceWarning as DifferenceWarning
    from accelfront.api.accelerating import accelerate as accelerate
    from accelfront.api.accelerating import accelerated as accelerated
    from accelfront.api.errors import AccelfrontError as AccelfrontError
    from accelfront.api.reading import open as open
    from accelfront.api.searching import search as search
    from accelfront.api.study import Study as Study
    from accelfront.api.trial import Trial as Trial

prefer_ours()

_HOMES = {
    "AccelfrontError": "errors",
    "DifferenceWarning": "accelerating",
    "Study": "study",
    "Trial": "trial",
    "accelerate": "accelerating",
    "accelerated": "accelerating",
    "open": "reading",
    "search": "searching",
}
"""The file of accelfront/api/ that holds each name."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_of_others()
    return getattr(import_module(f"accelfront.api.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return list(_HOMES)
