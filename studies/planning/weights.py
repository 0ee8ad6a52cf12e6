"""Weights of metrics with a model of their own: given by people, and found for a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from objectives.errors import InputError
from objectives.quality import METRICS
from objectives.quality.metric import Weights
from storage.foreign import shown
from studies.planning.metrics import kept_metrics
from studies.request import StudyRequest


def read_weights(texts: Iterable[str]) -> dict[str, Path]:
    """Read the metrics' weights as `--weights` takes them, each NAME=FILE.

    Raises:
        InputError: If a text is not NAME=FILE, or a name is given twice.
    """
    found: dict[str, Path] = {}
    for text in texts:
        name, _, file = (part.strip() for part in text.partition("="))
        if not name or not file:
            raise InputError(
                f"--weights is NAME=FILE, such as lpips=alexnet.pth, and {shown(text)} was given"
            )
        if name in found:
            raise InputError(f"--weights {name} is given twice; give it once")
        found[name] = Path(file)
    return found


def find_weights(request: StudyRequest) -> Mapping[str, Weights]:
    """Find the weights of a study's metrics, by metric; nothing is loaded or fetched.

    Raises:
        InputError: If a file or a package is missing.
    """
    found = {name: METRICS[name].find(request.weights.get(name)) for name in kept_metrics(request)}
    return {name: weights for name, weights in found.items() if weights is not None}
