"""Digests of files, and how those of large ones are kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from objectives.model_files.digests import LARGE, file_digest

LONG_AGO_NS = 10**18


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # What has just been written is not kept; here every file counts as old.
    monkeypatch.setattr("objectives.model_files.digests.SETTLED_NS", -1)
    return tmp_path / "cache" / "accelfront" / "digests"


def large_file(folder: Path, last: bytes = b"a") -> Path:
    path = folder / "weights"
    path.write_bytes(bytes(LARGE) + last)
    return path


def right(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def test_a_large_file_is_read_once(tmp_path: Path, cache: Path) -> None:
    path = large_file(tmp_path)
    assert file_digest(path) == right(path)
    [kept] = cache.iterdir()
    content = json.loads(kept.read_text())
    # Only who looks it up says so.
    kept.write_text(json.dumps(content | {"sha256": "0" * 64}))
    assert file_digest(path) == "0" * 64


def test_a_changed_file_of_the_same_size_and_time_is_read_again(tmp_path: Path) -> None:
    path = large_file(tmp_path)
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    before = file_digest(path)
    large_file(tmp_path, b"b")
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    assert file_digest(path) == right(path) != before


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"{}", b"[" * 100_000, b"HEX"]
)
def test_a_broken_cache_is_no_harm(tmp_path: Path, cache: Path, content: bytes) -> None:
    path = large_file(tmp_path)
    file_digest(path)
    [kept] = cache.iterdir()
    if content == b"HEX":
        content = kept.read_bytes().replace(right(path).encode(), b"no digest")
    kept.write_bytes(content)
    assert file_digest(path) == right(path)
    assert json.loads(kept.read_text())["sha256"] == right(path)


def test_a_cache_that_cannot_be_written_is_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = large_file(tmp_path)
    for place in (path, "/proc/nowhere"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(place))
        assert file_digest(path) == right(path)


def test_a_pipe_in_the_cache_is_no_harm(tmp_path: Path, cache: Path) -> None:
    path = large_file(tmp_path)
    file_digest(path)
    [kept] = cache.iterdir()
    kept.unlink()
    os.mkfifo(kept)
    assert file_digest(path) == right(path)


def test_what_was_written_a_moment_ago_is_not_kept(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file_digest(large_file(tmp_path))
    assert not cache.exists()


def test_workers_that_start_together_agree(tmp_path: Path, cache: Path) -> None:
    path = large_file(tmp_path)
    code = (
        "import sys, objectives.model_files.digests as d; from pathlib import Path\n"
        "d.SETTLED_NS = -1\n"
        "print({d.file_digest(Path(sys.argv[1])) for _ in range(50) if not d._kept_at("
        "d._identity(Path(sys.argv[1]))).unlink(missing_ok=True)})"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [worker.communicate()[0].strip() for worker in workers]
    assert told == [str({right(path)})] * 3
    assert len(list(cache.iterdir())) <= 1


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        file_digest(tmp_path / "pipe")
