"""The `accelfront` command: its subcommands, and how errors leave it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from accelfront.cli.examples import epilog
from accelfront.cli.reading import (
    bounds,
    compare,
    dashboard,
    diff,
    doctor,
    export,
    front,
    report,
    studies,
    tasks,
)
from accelfront.cli.refusals import refusal
from accelfront.cli.running import generate, import_, study, sweep, verify
from accelfront.faults import fault_of
from accelfront.screen.terminal import clean_streams
from objectives.errors import InputError
from storage.foreign import is_text, shown

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

STAND_INS = ("ACCELFRONT_STORAGE", "ACCELFRONT_ARTIFACTS")
"""Variables of the environment that say what an option could."""

app = typer.Typer(
    name="accelfront",
    help="Find how much faster a diffusion pipeline can go before its pictures get worse.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def accelfront(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Find how much faster a diffusion pipeline can go before its pictures get worse."""
    if version:
        print(f"accelfront {metadata.version('accelfront')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


COMMANDS: dict[str, Callable[..., None]] = {
    "study": study.study,
    "sweep": sweep.sweep,
    "studies": studies.studies,
    "front": front.front,
    "diff": diff.diff,
    "compare": compare.compare,
    "bounds": bounds.bounds,
    "tasks": tasks.tasks,
    "generate": generate.generate,
    "verify": verify.verify,
    "export": export.export,
    "import": import_.import_,
    "dashboard": dashboard.dashboard,
    "report": report.report,
    "doctor": doctor.doctor,
}


def _telling(command: Callable[..., None]) -> Callable[..., None]:
    """Report a Ctrl-C during a command; typer alone would exit without a word."""

    @wraps(command)
    def told(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt as error:
            raise typer.Abort from error

    return told


for name, command in COMMANDS.items():
    app.command(name, epilog=epilog(name))(_telling(command))


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 bad input, 3 in part, 130 interrupted."""
    _prepare_streams()
    asks_for_help = len(sys.argv) == 1 or {"-h", "--help"} & set(sys.argv)
    # Help is our own text, and has colours.
    with nullcontext() if asks_for_help else clean_streams():
        code = _run()
    sys.exit(code or 0)


def _run() -> int:
    try:
        _check_that_all_is_text()
        code: int | None = app(standalone_mode=False)
        # Flush here: at the interpreter's end nobody could be told of an error.
        sys.stdout.flush()
    except typer.TyperException as error:
        code = _complain(refusal(error, _command()), BAD_INPUT)
    except typer.Abort:
        code = _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except Exception as error:
        code = _report(error)
    return code or 0


def _command() -> str:
    """What was called, such as `accelfront study`."""
    return " ".join(["accelfront", *(name for name in sys.argv[1:2] if name in COMMANDS)])


def _prepare_streams() -> None:
    """Let every text be printed wherever the output goes."""
    # Somebody may have closed it, as `>&-` does.
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A locale may have few characters.
            stream.reconfigure(errors="backslashreplace")


def _check_that_all_is_text() -> None:
    """Check the arguments, and the variables that stand in for options.

    Raises:
        InputError: If one is not UTF-8.
    """
    given = [*sys.argv[1:], *(os.environ[name] for name in STAND_INS if name in os.environ)]
    for text in given:
        if not is_text(text):
            raise InputError(f"{shown(text)} is not UTF-8 text; write or rename it in UTF-8")


def _report(error: Exception) -> int:
    """Print an error that was written for people; raise any other one, as it is a defect."""
    fault = fault_of(error)
    if fault is None:
        raise error
    return _complain(fault.words, BAD_INPUT if fault.is_input else FAILED)


def _complain(message: str, code: int) -> int:
    print(f"accelfront: {message}", file=sys.stderr)
    return code
