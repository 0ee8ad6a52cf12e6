"""The picture grids of fronts, from the folder next to the database."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO

from optuna.artifacts import FileSystemArtifactStore
from optuna.artifacts.exceptions import ArtifactNotFound
from PIL import Image, UnidentifiedImageError

from storage.database.opening import Store
from storage.records.protocol import Protocol
from storage.records.study import Study
from storage.study_store.artifacts import artifact_folder, list_pictures

MOST_BYTES = 200_000
"""Most bytes of a file: a grid has at most 150,000; a larger file is something else."""

MOST_PIXELS = 4_000_000
"""Most pixels of a grid: one of four pairs has half a million, but a file may claim any number."""


@dataclass(frozen=True)
class Sheet:
    """A grid as a page holds it: the baseline's pictures above the accelerated ones.

    Attributes:
        src: An address that holds it.
        columns: How many pairs it has.
        row: None, as both rows are in it (templates/pairs.html.jinja).
    """

    src: str
    columns: int
    row: None = None

    @classmethod
    def of(cls, picture: bytes, protocol: Protocol) -> Sheet:
        """Read from a grid's sides how many pictures of a protocol are next to each other."""
        return cls(address(picture), max(1, columns_of(picture, protocol)))


def columns_of(picture: bytes, protocol: Protocol) -> int:
    """How many pictures of a protocol are next to each other in a grid; 0 if it is none of ours."""
    try:
        with Image.open(BytesIO(picture), formats=["WEBP"]) as image:
            width, height = image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return 0
    if width * height > MOST_PIXELS:
        return 0
    return max(1, round(2 * width * protocol.height / (height * protocol.width)))


def address(picture: bytes) -> str:
    """A data URL that holds a WebP picture."""
    return f"data:image/webp;base64,{base64.b64encode(picture).decode()}"


def front_pictures(store: Store, studies: Iterable[Study]) -> dict[tuple[str, int], bytes]:
    """Read a WebP grid of each front point that has one, like `read_pictures`.

    It shows the prompts that lost most or, for a point from before those were kept, the first ones.
    """
    listed = [(study.name, trial) for study in studies for trial in study.listed]
    keys: dict[bool, list[tuple[str, int]]] = {True: [], False: []}
    for name, trial in listed:
        keys[bool(trial.measurement.pictured)].append((name, trial.number))
    return read_pictures(store, keys[False]) | read_pictures(store, keys[True], worst=True)


def read_pictures(
    store: Store, keys: Iterable[tuple[str, int]], worst: bool = False
) -> dict[tuple[str, int], bytes]:
    """Read the WebP grid of each trial that has one.

    Args:
        store: An open database.
        keys: Trials, each as its study's name and its number.
        worst: Whether to read the grids of the prompts that lost most, or those of the
            protocol's first prompts, which are the same in all trials of a study.

    Returns:
        The files' bytes.
    """
    folder = artifact_folder(store)
    if not folder.is_dir():
        return {}
    files = FileSystemArtifactStore(folder)
    listed = list_pictures(store, worst)
    found = {key: _picture(files, listed.get(key, ())) for key in keys}
    return {key: picture for key, picture in found.items() if picture is not None}


def _picture(files: FileSystemArtifactStore, names: Iterable[str]) -> bytes | None:
    """The first of the files that is a picture of ours."""
    for name in names:
        try:
            with files.open_reader(name) as file:
                content = file.read(MOST_BYTES + 1)
        except (ArtifactNotFound, OSError):
            # Databases are passed on without their folder.
            continue
        # The database says where the file is: nothing else may get into a page that is passed on.
        if len(content) <= MOST_BYTES and (content[:4], content[8:12]) == (b"RIFF", b"WEBP"):
            return bytes(content)
    return None
