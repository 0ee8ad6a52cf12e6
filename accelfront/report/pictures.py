"""The picture grids of fronts, from the folder beside the database."""

from __future__ import annotations

from collections.abc import Iterable

from optuna.artifacts import FileSystemArtifactStore
from optuna.artifacts.exceptions import ArtifactNotFound

from storage.database.opening import Store
from storage.records.study import Study
from storage.study_store.artifacts import artifact_folder, list_pictures

MOST_BYTES = 200_000
"""A grid has 150,000 at most; what is larger is something else."""


def front_pictures(store: Store, studies: Iterable[Study]) -> dict[tuple[str, int], bytes]:
    """Read the WebP grid of each front point that has one, as `read_pictures` does."""
    keys = [(study.name, trial.number) for study in studies for trial in study.listed]
    return read_pictures(store, keys)


def read_pictures(store: Store, keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
    """Read the WebP grid of each trial that has one.

    Args:
        store: An open database.
        keys: Trials, each by its study's name and its number.

    Returns:
        The files' bytes.
    """
    folder = artifact_folder(store)
    if not folder.is_dir():
        return {}
    files = FileSystemArtifactStore(folder)
    listed = list_pictures(store)
    found = {key: _picture(files, listed.get(key, ())) for key in keys}
    return {key: picture for key, picture in found.items() if picture is not None}


def _picture(files: FileSystemArtifactStore, names: Iterable[str]) -> bytes | None:
    """The first of the files that is a picture of ours."""
    for name in names:
        try:
            with files.open_reader(name) as file:
                content = file.read(MOST_BYTES + 1)
        except (ArtifactNotFound, OSError):
            # Databases travel without their folder.
            continue
        # The database says where the file is: nothing else may get into a page that is handed on.
        if len(content) <= MOST_BYTES and (content[:4], content[8:12]) == (b"RIFF", b"WEBP"):
            return bytes(content)
    return None
