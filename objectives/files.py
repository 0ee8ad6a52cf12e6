"""Files that a person names.

Only regular files are read, as a pipe or a device may never end; a file is written in full or not
at all.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from objectives.errors import InputError


def require_regular(path: Path) -> None:
    """Check, without opening it, that a path is a file that can be read to its end.

    Raises:
        OSError: If it is missing or no regular file; `strerror` says which.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))


def read_text(path: Path) -> str:
    """Read a regular file in UTF-8, with or without a byte order mark.

    Raises:
        OSError: If it cannot be read, or is no regular file.
        UnicodeDecodeError: If it is not UTF-8.
    """
    require_regular(path)
    return path.read_text(encoding="utf-8-sig")


def replace_file(path: Path, text: str) -> None:
    """Write a file, replacing one that exists.

    Raises:
        InputError: If it cannot be written.
    """
    try:
        _replace(path, text)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror}; name a file in a folder that you may write to"
        ) from error


def _replace(path: Path, text: str) -> None:
    """Write a file next to it and rename that, so that nobody ever reads half of it."""
    if path.is_dir():
        raise IsADirectoryError(0, "it is a folder")
    # A unique name, because several processes may write the same file.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        # mkstemp lets only the owner read.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except BaseException:
        # Leave nothing half-written, not even after Ctrl-C.
        temporary.unlink(missing_ok=True)
        raise
