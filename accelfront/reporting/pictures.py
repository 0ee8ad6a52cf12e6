"""The picture grids of fronts, from the folder beside the database."""

from __future__ import annotations

from collections.abc import Iterable

import optuna
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.trial import FrozenTrial

from storage.artifacts import artifact_folder
from storage.records import StudyRecord
from storage.store import Store

MOST_BYTES = 200_000
"""A grid has 150,000 at most; what is larger is something else."""


def front_pictures(store: Store, studies: Iterable[StudyRecord]) -> dict[tuple[str, int], bytes]:
    """Read the WebP grid of each front point that has one.

    Args:
        store: An open database.
        studies: Studies of it.

    Returns:
        The files' bytes by the study's name and the trial's number.
    """
    folder = artifact_folder(store)
    if not folder.is_dir():
        return {}
    artifacts = FileSystemArtifactStore(folder)
    pictures = {}
    for study in studies:
        stored = optuna.load_study(study_name=study.name, storage=store.optuna)
        trials = {trial.number: trial for trial in stored.get_trials(deepcopy=False)}
        for point in study.front:
            picture = _picture(store, artifacts, trials[point.number])
            if picture is not None:
                pictures[study.name, point.number] = picture
    return pictures


def _picture(store: Store, artifacts: FileSystemArtifactStore, trial: FrozenTrial) -> bytes | None:
    for meta in get_all_artifact_meta(trial, storage=store.optuna):
        if meta.mimetype != "image/webp":
            continue
        try:
            with artifacts.open_reader(meta.artifact_id) as file:
                content = file.read(MOST_BYTES + 1)
        except (ArtifactNotFound, OSError):
            # Databases travel without their folder.
            continue
        # The database says where the file is: nothing else may get into a page that is handed on.
        if len(content) <= MOST_BYTES and (content[:4], content[8:12]) == (b"RIFF", b"WEBP"):
            return bytes(content)
    return None
