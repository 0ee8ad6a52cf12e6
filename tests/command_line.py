"""The command line: called in this process, or run in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest

from accelfront.cli.app import main

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


def modules_after(*arguments: str, cwd: Path) -> set[str]:
    """Which heavy modules a command, in a process of its own, has imported by its end."""
    code = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print(*(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr))\n"
        f"sys.argv = ['accelfront', *{arguments!r}]\n"
        "from accelfront.cli.app import main\n"
        "main()"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True)
    return set(answer.stderr.splitlines()[-1].split())
