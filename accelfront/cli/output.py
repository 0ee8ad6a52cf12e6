"""Where a command's data goes: stdout, or a file that is there in full or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

OutFile = Annotated[
    Path | None,
    typer.Option("--out", help="Write to this file, which is replaced. Default: stdout."),
]


def put_out(text: str, out: Path | None) -> None:
    """Print a text that ends in a newline, or replace a file with it.

    Raises:
        InputError: If the file cannot be written.
    """
    if out is None:
        print(text, end="")
        return
    try:
        _replace(out, text)
    except OSError as error:
        from objectives.errors import InputError

        raise InputError(
            f"cannot write {out}: {error.strerror}; name a file in a folder that you may write to"
        ) from error


def _replace(path: Path, text: str) -> None:
    """Write beside the file and rename, so that nobody ever reads half of it."""
    if path.is_dir():
        raise IsADirectoryError(0, "it is a folder")
    # A name of its own, because several processes may write one file.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        # mkstemp lets the owner alone read.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except BaseException:
        # Leave nothing half-written, after Ctrl-C neither.
        temporary.unlink(missing_ok=True)
        raise
