"""Make a pipeline's own call an accelerated one, and restore the pipeline exactly.

These are plain functions, because the modules that accelfront writes carry their source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import MethodType
from typing import Any

INSTALLED = "_accelfront_call"
"""The attribute of a pipe that holds its accelerated call."""

ACCELERATED = "_accelfront_accelerated"
"""The attribute that marks an accelerated denoiser: the patched part, which pipes may share."""


def is_accelerated(pipe: Any, denoiser: Any) -> bool:
    """Whether a pipe is accelerated already, or another pipe with the same denoiser."""
    return INSTALLED in vars(pipe) or hasattr(denoiser, ACCELERATED)


def mark(denoiser: Any) -> None:
    """Mark a denoiser for `is_accelerated`, until its pipe is restored."""
    setattr(denoiser, ACCELERATED, True)


def install(
    pipe: Any, accelerate: Callable[[Any, Callable[..., Any]], Callable[..., Any]]
) -> Callable[[], None]:
    """Accelerate a pipe so that whoever calls it from now on runs the accelerated call.

    It stays an instance of its class, and its class keeps the name: diffusers relies on both.

    Args:
        pipe: A diffusers pipeline.
        accelerate: Takes the pipe and its plain call, patches the pipe, and returns the call that
            generates with the patch.

    Returns:
        A function that restores the pipe exactly; a second call does nothing.

    Raises:
        RuntimeError: If the pipe is accelerated already.
    """
    if INSTALLED in vars(pipe):
        raise RuntimeError("this pipe is accelerated already; undo that first")
    restores = [remember(pipe)]

    def undo() -> None:
        while restores:
            restores.pop()()

    try:
        vars(pipe)[INSTALLED] = accelerate(pipe, plain_call(pipe))
        pipe.__class__ = calling_installed(type(pipe))
    except BaseException:
        # Leave nothing on the pipe, not even after Ctrl-C.
        undo()
        raise
    return undo


def plain_call(pipe: Any) -> Callable[..., Any]:
    """The call of a pipe's class as it is now, whatever is installed later."""
    return MethodType(type(pipe).__call__, pipe)


def calling_installed(plain: Any) -> Any:
    """Make a class like a pipe's, whose call is the one installed in the pipe."""

    @wraps(plain.__call__)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return vars(self)[INSTALLED](*args, **kwargs)

    same = {name: getattr(plain, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(plain.__name__, (plain,), {**same, "__call__": call})


@contextmanager
def restored(pipe: Any) -> Iterator[None]:
    """Restore a pipe on leaving, even by an exception, whatever was patched meanwhile.

    Args:
        pipe: A diffusers pipeline; see `remember`.
    """
    restore = remember(pipe)
    try:
        yield
    finally:
        restore()


def remember(pipe: Any) -> Callable[[], None]:
    """Take a snapshot of a pipe, and return a function that restores it.

    It restores the classes, attributes (forwards, processors, caches) and hooks of the pipe and
    all its modules. One snapshot serves all methods, because T-GATE has no undo, and those of
    DeepCache and ToMe leave attributes behind. Weights are not copied: no method writes them.
    """
    roots = [component for component in pipe.components.values() if hasattr(component, "modules")]
    modules = {id(module): module for root in roots for module in root.modules()}
    restores = [remember_object(thing) for thing in (*modules.values(), pipe)]

    def restore() -> None:
        for restore_object in restores:
            restore_object()

    return restore


def remember_object(thing: Any) -> Callable[[], None]:
    """Do as `remember` does for a module, or for a pipe without its modules."""
    kind, attributes = type(thing), dict(vars(thing))
    # Hooks, submodules and diffusers' registry of hooks are changed in place.
    held: list[Any] = [
        value
        for name, value in attributes.items()
        if isinstance(value, dict) and ("_hooks" in name or name == "_modules")
    ]
    if (registry := attributes.get("_diffusers_hook")) is not None:
        # The registry's own attributes too: one of them is a list of the registries below it.
        held += [vars(registry), *vars(registry).values()]
    # Most of the ten thousand dicts are empty: copies of all would keep Python's garbage
    # collector busy.
    empty = [value for value in held if isinstance(value, dict) and not value]
    dicts = [(value, dict(value)) for value in held if isinstance(value, dict) and value]
    lists = [(value, list(value)) for value in held if isinstance(value, list)]

    def restore() -> None:
        if type(thing) is not kind:
            thing.__class__ = kind
        vars(thing).clear()
        vars(thing).update(attributes)
        for value in empty:
            value.clear()
        for value, contents in dicts:
            value.clear()
            value.update(contents)
        for listed, items in lists:
            listed[:] = items

    return restore
