"""Opening what a person names: regular files alone, as a pipe or a device may never end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def require_regular(path: Path) -> None:
    """Check, without opening it, that a path is a file that can be read to its end.

    Raises:
        OSError: If it is missing or no regular file; `strerror` says what it is.
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
