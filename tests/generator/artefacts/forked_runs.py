"""Scripts that are verified in a process that has torch already, a fork of this one."""

from __future__ import annotations

import multiprocessing
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any

import pytest

from generator.artefacts import script_run

fork = multiprocessing.get_context("fork")


@contextmanager
def runs_forked() -> Iterator[None]:
    """Let `verify` run scripts so: a fresh process spends most of its time on imports."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("generator.artefacts.verify.subprocess", SimpleNamespace(run=_run))
        yield


def _run(command: list[Any], *, input: str, **options: Any) -> CompletedProcess[str]:
    *_, out = command
    said = Path(out).with_name("said")
    process = fork.Process(target=_run_job, args=(out, input, said))
    process.start()
    process.join()
    stderr = said.read_text(encoding="utf-8") if said.exists() else ""
    return CompletedProcess(command, process.exitcode or 0, "", stderr)


def _run_job(out: Path, job: str, said: Path) -> None:
    sys.argv, sys.stdin = ["script_run", str(out)], StringIO(job)
    try:
        script_run.main()
    except Exception:
        said.write_text(traceback.format_exc(), encoding="utf-8")
        sys.exit(1)
