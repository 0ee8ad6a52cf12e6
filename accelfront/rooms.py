"""The packages next to this one, found before others with the same names.

Their names are plain words, and `python -m accelfront` looks into the working folder first, which
may well hold a `storage.py` or a folder `studies`. A wheel has them inside `accelfront`
(`setup.py`), where nothing can be confused with them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

ROOMS = ("accel_space", "generator", "objectives", "storage", "studies")

HOUSE = Path(__file__).resolve().parents[1]

INSIDE = Path(__file__).parent / "_rooms"
"""Where a wheel has them."""


class _Ours(MetaPathFinder):
    """Finds the packages of `ROOMS` in `HOUSE`, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `MetaPathFinder`."""
        return PathFinder.find_spec(fullname, [str(HOUSE)]) if fullname in ROOMS else None


def prefer_ours() -> None:
    """Let our packages win from now on.

    Raises:
        ImportError: If another package with such a name is already loaded in this process.
    """
    if INSIDE.is_dir():
        return
    for name in ROOMS:
        module = sys.modules.get(name)
        if module is not None and str(HOUSE / name) not in getattr(module, "__path__", ()):
            raise ImportError(f"accelfront has a package {name}, and {module} is in its place")
    sys.meta_path.insert(0, _Ours())


def warn_of_others() -> None:
    """Warn of modules that a program would mean by our names but no longer gets."""
    if INSIDE.is_dir():
        return
    elsewhere = [path for path in sys.path if Path(path).resolve() != HOUSE]
    for name in ROOMS:
        spec = PathFinder.find_spec(name, elsewhere)
        # Without an origin it is a plain folder, which nobody imports.
        if spec is not None and spec.origin is not None:
            warnings.warn(
                f"`import {name}` means a package of accelfront from now on and not {spec.origin}; "
                "rename that, or install accelfront without --editable",
                stacklevel=3,
            )
