"""The command line: called in this process, or run in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from multiprocessing.connection import Connection
from pathlib import Path
from unittest import mock

import pytest

from accelfront.cli.app import main
from tests.warm_processes import warm

HEAVY = ("torch", "diffusers", "transformers", "open_clip", "plotly", "ray")


@dataclass(frozen=True)
class Answer:
    """What a command leaves for who called it."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str, cwd: Path | None = None) -> Answer:
    """Call the command line here, where the heavy libraries are imported once for all tests.

    An exception that the command lets pass, which people would see as a traceback, fails the test.
    """
    out, err = StringIO(), StringIO()
    with (
        chdir(cwd or Path.cwd()),
        mock.patch.dict(os.environ),
        mock.patch.object(sys, "argv", ["accelfront", *arguments]),
        warnings.catch_warnings(),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return Answer(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def run_process(*arguments: str, cwd: Path | None = None) -> Answer:
    """Run the command as a shell does."""
    command = [sys.executable, "-m", "accelfront", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240)
    return Answer(done.returncode, done.stdout, done.stderr)


def run_warm(*arguments: str, cwd: Path, **environment: str) -> tuple[Answer, set[str]]:
    """Call the command line in a process that had imported no heavy library until then.

    Args:
        arguments: The command.
        cwd: Where it runs.
        environment: What its environment has besides what is here.

    Returns:
        What it leaves, and which heavy modules it has imported by its end.
    """
    ours, theirs = warm.Pipe(duplex=False)
    process = warm.Process(
        target=_run_there, args=(theirs, arguments, cwd, {**os.environ, **environment})
    )
    process.start()
    theirs.close()
    left: tuple[Answer, set[str]] = ours.recv()
    process.join()
    return left


def _run_there(
    out: Connection, arguments: tuple[str, ...], cwd: Path, environment: dict[str, str]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    answer = run(*arguments, cwd=cwd)
    out.send((answer, set(HEAVY) & set(sys.modules)))


def modules_after(*arguments: str, cwd: Path) -> set[str]:
    """Which heavy modules a command, in a process of its own, has imported by its end."""
    return run_warm(*arguments, cwd=cwd)[1]
