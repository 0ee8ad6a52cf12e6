"""Weight files, checked before a library reads them: are they safetensors, and complete?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from objectives.errors import LoadError
from objectives.files import read_text, require_regular

LONGEST_HEADER = 100_000_000
"""In bytes; the limit of the safetensors library itself."""

LFS_POINTER = b"version https://git-lfs"
"""How a file begins that git-lfs has not fetched yet."""

FETCH_AGAIN = "fetch or save it again"

_BROKEN = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
"""Errors from JSON that is broken, or of another form than expected."""


def tensor_shapes(part: str, file: Path) -> dict[str, tuple[int, ...]]:
    """Read the header of a safetensors file, and check the file's size against it.

    The format is 8 bytes with the header's length, the header in JSON, and the tensors' data; see
    https://huggingface.co/docs/safetensors.

    Args:
        part: What the file is for, as in `LoadError`.
        file: The file.

    Returns:
        The shape of each tensor, by its name.

    Raises:
        LoadError: If it is no such file, or incomplete.
    """
    try:
        require_regular(file)
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(len(LFS_POINTER))
            length = int.from_bytes(start[:8], "little")
            whole = 0 < length <= min(LONGEST_HEADER, size - 8)
            stream.seek(8)
            header = stream.read(length) if whole else b""
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise LoadError(part, file, reason, "put the file there") from error
    if start == LFS_POINTER:
        raise LoadError(part, file, "it is a git-lfs pointer, no weights", "run `git lfs pull`")
    if not whole:
        raise LoadError(part, file, "it is no whole safetensors file", FETCH_AGAIN)
    try:
        shapes, end = _tensors(json.loads(header))
    except _BROKEN as error:
        raise LoadError(part, file, "its safetensors header is broken", FETCH_AGAIN) from error
    if size != (promised := 8 + length + end):
        reason = f"it has {size} bytes, and its header promises {promised}"
        raise LoadError(part, file, reason, FETCH_AGAIN)
    return shapes


def sharded_files(part: str, index: Path) -> list[Path]:
    """The weight files that an index of sharded weights names.

    Args:
        part: What they are for, as in `LoadError`.
        index: A file such as model.safetensors.index.json.

    Raises:
        LoadError: If it cannot be read, or names anything but safetensors files next to it.
    """
    try:
        named = json.loads(read_text(index))["weight_map"].values()
        names = sorted({str(name) for name in named})
    except (OSError, *_BROKEN) as error:
        raise LoadError(part, index, "it is no index of weights", FETCH_AGAIN) from error
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            reason = f"it names {name!r}, and only safetensors files beside it are read"
            raise LoadError(part, index, reason, "save the weights as safetensors")
    return [index.parent / name for name in names]


def _tensors(header: dict[str, Any]) -> tuple[dict[str, tuple[int, ...]], int]:
    """The shapes in a header, and the number of bytes of data that it promises."""
    tensors = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
    shapes = {name: tuple(int(side) for side in each["shape"]) for name, each in tensors.items()}
    return shapes, max((int(each["data_offsets"][1]) for each in tensors.values()), default=0)
