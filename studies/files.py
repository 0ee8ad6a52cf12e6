"""Paths of the files that a person gave; a study keeps them for commands from any folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from studies.request import StudyRequest

WEIGHTS = "weights "
"""The prefix of a metric's name under which the path of its weights is kept."""


def given_files(request: StudyRequest) -> dict[str, str]:
    """Return the absolute paths of the prompts, scorer and metrics' weights that a person gave.

    Args:
        request: The request; its relative paths start in the working folder.

    Returns:
        `prompts` and `scorer` as their options take them, if they were given as a file or folder,
        and `weights NAME` for metrics.
    """
    files = {}
    if request.prompts is not None:
        files["prompts"] = str(request.prompts.absolute())
    scorer = None if request.scorer is None else _scorer_file(request.scorer)
    if scorer is not None:
        files["scorer"] = scorer
    return files | {
        f"{WEIGHTS}{name}": str(path.absolute()) for name, path in request.weights.items()
    }


def given_weights(files: Mapping[str, str]) -> dict[str, Path]:
    """Return the weights among `given_files`, by metric."""
    return {
        name.removeprefix(WEIGHTS): Path(path)
        for name, path in files.items()
        if name.startswith(WEIGHTS)
    }


def with_whole_paths(request: StudyRequest) -> StudyRequest:
    """Return the same request with absolute paths, for any working folder."""
    files = given_files(request)
    prompts = files.get("prompts")
    loras = (replace(lora, path=lora.path.absolute()) for lora in request.generation.loras)
    return replace(
        request,
        prompts=None if prompts is None else Path(prompts),
        scorer=files.get("scorer", request.scorer),
        weights=given_weights(files),
        generation=replace(request.generation, loras=tuple(loras)),
    )


def _scorer_file(given: str) -> str | None:
    """Return a scorer's folder, or its architecture and checkpoint file; None if it is a name."""
    # `tiny-shapes` is the shipped scorer, even if there is a folder of that name.
    if given != "tiny-shapes" and Path(given).is_dir():
        return str(Path(given).absolute())
    architecture, _, checkpoint = given.partition(":")
    if checkpoint and Path(checkpoint).is_file():
        return f"{architecture}:{Path(checkpoint).absolute()}"
    return None
