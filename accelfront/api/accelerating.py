"""Accelerating a loaded pipeline with a measured point."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelfront.api.errors import AccelfrontError, told
from accelfront.api.serving import Serving
from accelfront.api.trial import Trial
from generator.artefacts.point import Point


class DifferenceWarning(UserWarning):
    """Something differs from the measurement, so the speed or the pictures may differ too."""


@contextmanager
def accelerated(pipe: Any, trial: Trial | Point | str | Path) -> Iterator[Any]:
    """Accelerate a pipe inside a `with` block; see `accelerate`.

    Yields:
        The pipe.
    """
    undo = accelerate(pipe, trial)
    try:
        yield pipe
    finally:
        undo()


def accelerate(pipe: Any, trial: Trial | Point | str | Path) -> Callable[[], None]:
    """Accelerate a loaded diffusers pipeline: from now on its own call is the accelerated one.

    A `DifferenceWarning` names each difference from the measurement once: scheduler, dtype, device
    and versions now; steps, guidance and size at the calls that use others. Do not change the pipe
    until it is undone; it draws for one thread at a time.

    Args:
        pipe: The pipeline, of the class that was measured.
        trial: A trial of a study, or a file that `generate --as json` or `Trial.write` wrote.

    Returns:
        A function that restores the pipe exactly; further calls of it do nothing.

    Raises:
        AccelfrontError: If the point cannot work in this pipe, or the file holds none. Calls of the
            accelerated pipe raise it if the point cannot work with their arguments.
    """
    with told():
        point = _point(trial)
        serving = Serving.of(pipe, point)
        _warn(serving.differences)
        return serving.stack.install(pipe, point.params, lambda call: _checked(serving, call))


def _point(trial: Trial | Point | str | Path) -> Point:
    if isinstance(trial, Trial):
        return trial.point
    if isinstance(trial, str | Path):
        return Point.read(Path(trial))
    if isinstance(trial, Point):
        return trial
    raise AccelfrontError(
        f"a trial or the file of a point is needed, and {type(trial).__name__} was given; a study "
        "without an answer says why in its verdict"
    )


def _checked(serving: Serving, call: Callable[..., Any]) -> Callable[..., Any]:
    """A call that raises if the point cannot work, and warns of what was not measured."""
    warned: set[str] = set()

    def checked_call(*args: Any, **kwargs: Any) -> Any:
        with told():
            differences = [each for each in serving.asks(args, kwargs) if each not in warned]
        warned.update(differences)
        _warn(differences, stacklevel=4)
        return call(*args, **kwargs)

    return checked_call


def _warn(differences: list[str], stacklevel: int = 3) -> None:
    if differences:
        words = f"not as it was measured: {'; '.join(differences)}"
        warnings.warn(words, DifferenceWarning, stacklevel=stacklevel)
