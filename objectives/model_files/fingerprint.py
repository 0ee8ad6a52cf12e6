"""Fingerprints: what distinguishes models, or scorers, by content alone.

Releases up to the first one made another kind, of eight digits, from the size and the ends of all
files in a folder. It cannot distinguish models that differ in the middle of a file, so points under
it are never mixed with others; it is computed only to find the model that such a study measured.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from objectives.errors import InputError
from objectives.model_files.digests import file_digest

DIGITS, EARLIER_DIGITS = 16, 8

LOADED = "loaded-pipe"
"""The name in a protocol, before its fingerprint, of a pipeline that a person had loaded."""

END = 2**20
"""Bytes of each end of a large file that the earlier kind covers."""


def fingerprint(files: Mapping[str, Path]) -> str:
    """Compute hex digits that change with the content of any file, and with the files' names.

    Args:
        files: The files by the names that they are loaded under.

    Raises:
        InputError: If one cannot be read.
    """
    try:
        digests = [[name, file_digest(path)] for name, path in sorted(files.items())]
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror}") from error
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()[:DIGITS]


def file_fingerprint(path: Path) -> str:
    """The fingerprint of one file, whatever its name.

    Raises:
        InputError: If it cannot be read.
    """
    return fingerprint({"": path})


def split_fingerprint(name: str) -> tuple[str, str]:
    """Split a name in a protocol, such as `model@0123456789abcdef`; the end may be missing."""
    plain, _, digits = name.rpartition("@")
    return (plain, digits) if plain else (digits, "")


def is_loaded(name: str) -> bool:
    """Whether a name in a protocol is that of a pipeline that a person had loaded."""
    return split_fingerprint(name)[0] == LOADED


def is_earlier(name: str) -> bool:
    """Whether a name in a protocol carries the earlier kind of fingerprint."""
    return len(split_fingerprint(name)[1]) == EARLIER_DIGITS


def earlier_fingerprint(folder: Path) -> str:
    """The earlier kind of fingerprint of a model folder."""
    digest = hashlib.sha256()
    for path in sorted(_regular_files(folder)):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(END))
            if size > 2 * END:
                file.seek(-END, os.SEEK_END)
            digest.update(file.read(END))
    return digest.hexdigest()[:EARLIER_DIGITS]


def _regular_files(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """All files below a folder, also through links; a link that leads back is not followed."""
    real = folder.resolve()
    if real in above:
        return
    for path in folder.iterdir():
        if path.is_dir():
            yield from _regular_files(path, (*above, real))
        elif path.is_file():
            yield path
