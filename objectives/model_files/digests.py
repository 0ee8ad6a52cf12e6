"""Digests of whole files; those of large files are kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from objectives.errors import InputError
from objectives.files import read_text, replace_file, require_regular

LARGE = 2**20
"""From this many bytes on, looking a digest up is quicker than computing it."""

SETTLED_NS = 2 * 10**9
"""A file that changed this recently may change again without a new time: the clocks of some file
systems have steps of two seconds."""

Identity = list[str | int]
"""A file's path, size and times: while they stay the same, so does its content."""


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's whole content, in hex.

    Raises:
        OSError: If it cannot be read, or is no regular file.
    """
    require_regular(path)
    identity = _identity(path)
    if path.stat().st_size < LARGE:
        return _sha256(path)
    kept = _kept_at(identity)
    known = None if kept is None else _look_up(kept, identity)
    if known is not None:
        return known
    digest = _sha256(path)
    age_ns = time.time_ns() - max(path.stat().st_mtime_ns, path.stat().st_ctime_ns)
    if kept is not None and age_ns > SETTLED_NS and _identity(path) == identity:
        _keep(kept, identity, digest)
    return digest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identity(path: Path) -> Identity:
    status = path.stat()
    # Includes the time of the last change of any kind: a copy can set that of the content.
    return [str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _kept_at(identity: Identity) -> Path | None:
    """The file that keeps the digest: one for each path, so that writers seldom meet."""
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        cache = Path(given) if given else Path.home() / ".cache"
    except RuntimeError:
        # There is no home.
        return None
    name = hashlib.sha256(os.fsencode(str(identity[0]))).hexdigest()[:32]
    return cache / "accelfront" / "digests" / f"{name}.json"


def _look_up(kept: Path, identity: Identity) -> str | None:
    """The stored digest; None if there is none for this state of the file."""
    try:
        content = json.loads(read_text(kept))
    except (OSError, ValueError, RecursionError):
        return None
    match content:
        case {"identity": known, "sha256": str(digest)} if known == identity and _is_hex(digest):
            return digest
    return None


def _is_hex(digest: str) -> bool:
    return len(digest) == 64 and set(digest) <= set("0123456789abcdef")


def _keep(kept: Path, identity: Identity, digest: str) -> None:
    """Keep a digest, if there is a place for it: readers see all of it or nothing."""
    text = json.dumps({"identity": identity, "sha256": digest})
    # Without a place to keep it, the next process reads the file again.
    with suppress(OSError, InputError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        replace_file(kept, text)
