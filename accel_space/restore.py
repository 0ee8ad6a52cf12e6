"""Giving a patched pipeline back exactly as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def restored(pipe: Any) -> Iterator[None]:
    """Restore a pipe on leaving, also by an exception, whatever was patched meanwhile.

    The classes, attributes (forwards, processors, caches) and hooks of every module, and the
    attributes of the pipe itself, become what they were. One snapshot serves all methods, because
    T-GATE has no undo and DeepCache's and ToMe's leave attributes behind. Weights are not copied:
    no method writes to them.

    Args:
        pipe: A diffusers pipeline.
    """
    snapshots = [_Snapshot(module) for module in _modules(pipe)]
    attributes = dict(vars(pipe))
    try:
        yield
    finally:
        for snapshot in snapshots:
            snapshot.restore()
        vars(pipe).clear()
        vars(pipe).update(attributes)


class _Snapshot:
    """The state of one module that a patch can touch."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._class = type(module)
        self._attributes = dict(vars(module))
        # Hooks, submodules and diffusers' registry of hooks are changed in place.
        self._dicts = [
            (value, dict(value))
            for name, value in self._attributes.items()
            if isinstance(value, dict) and ("_hooks" in name or name == "_modules")
        ]
        registry = self._attributes.get("_diffusers_hook")
        # The registry's own attributes too: one of them is a list of the registries below it.
        contents = [vars(registry), *vars(registry).values()] if registry is not None else []
        self._dicts += [(value, dict(value)) for value in contents if isinstance(value, dict)]
        self._lists = [(value, list(value)) for value in contents if isinstance(value, list)]

    def restore(self) -> None:
        self._module.__class__ = self._class
        attributes = vars(self._module)
        attributes.clear()
        attributes.update(self._attributes)
        for value, contents in self._dicts:
            value.clear()
            value.update(contents)
        for items, copied in self._lists:
            items[:] = copied


def _modules(pipe: Any) -> list[Any]:
    """All modules of all of a pipe's components, each once."""
    roots = [component for component in pipe.components.values() if hasattr(component, "modules")]
    return list({id(module): module for root in roots for module in root.modules()}.values())
