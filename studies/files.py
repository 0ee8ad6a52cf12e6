"""Where the files that a person gave lie: kept with a study, for commands from any folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from studies.request import StudyRequest


def given_files(request: StudyRequest) -> dict[str, str]:
    """The prompts and the scorer that were given as files or folders, by whole path.

    Args:
        request: What was asked for; relative paths are of the working folder.

    Returns:
        `prompts` and `scorer` as options take them; what was not given, or is no file, is left out.
    """
    files = {}
    if request.prompts is not None:
        files["prompts"] = str(request.prompts.absolute())
    scorer = None if request.scorer is None else _scorer_file(request.scorer)
    if scorer is not None:
        files["scorer"] = scorer
    return files


def with_whole_paths(request: StudyRequest) -> StudyRequest:
    """The same request for any working folder."""
    files = given_files(request)
    prompts = files.get("prompts")
    return replace(
        request,
        prompts=None if prompts is None else Path(prompts),
        scorer=files.get("scorer", request.scorer),
    )


def _scorer_file(given: str) -> str | None:
    """A scorer's folder, or its architecture and checkpoint file; None if it has a name alone."""
    # That name is the shipped scorer's, whatever lies in the working folder.
    if given != "tiny-shapes" and Path(given).is_dir():
        return str(Path(given).absolute())
    architecture, _, checkpoint = given.partition(":")
    if checkpoint and Path(checkpoint).is_file():
        return f"{architecture}:{Path(checkpoint).absolute()}"
    return None
