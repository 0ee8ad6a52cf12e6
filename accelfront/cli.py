"""The `accelfront` command: its subcommands, and how errors leave it."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext

import typer

from accelfront import (
    bounds,
    dashboard,
    doctor,
    export,
    front,
    generate,
    import_,
    report,
    studies,
    study,
    sweep,
    tasks,
    verify,
)
from accelfront.terminal import clean_streams

FAILED, BAD_INPUT = 1, 2

app = typer.Typer(
    name="accelfront",
    help="Find how much faster a diffusion pipeline can go before its pictures get worse.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("study")(study.study)
app.command("sweep")(sweep.sweep)
app.command("studies")(studies.studies)
app.command("front")(front.front)
app.command("bounds")(bounds.bounds)
app.command("tasks")(tasks.tasks)
app.command("generate")(generate.generate)
app.command("verify")(verify.verify)
app.command("export")(export.export)
app.command("import")(import_.import_)
app.command("dashboard")(dashboard.dashboard)
app.command("report")(report.report)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 bad input, 3 in part, 130 interrupted."""
    asks_for_help = {"-h", "--help"} & set(sys.argv)
    # Help is our own text, and has colours.
    with nullcontext() if asks_for_help else clean_streams():
        code = _run()
    sys.exit(code or 0)


def _run() -> int:
    try:
        code: int | None = app(standalone_mode=False)
    except typer.TyperException as error:
        code = _complain(error.format_message(), BAD_INPUT)
    except typer.Abort:
        code = FAILED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except Exception as error:
        code = _told(error)
    return code or 0


def _told(error: Exception) -> int:
    """Print an error that was written for people; raise any other one, which is a defect."""
    # Only now, as a command that met one of these has loaded their packages anyway.
    from accel_space.errors import RefusedError
    from objectives.errors import InputError, MeasurementError
    from storage.errors import DatabaseFailedError, StorageError
    from storage.faults import DATABASE_ERRORS, reason
    from studies.errors import StudyFailedError, StudyRefusedError

    if isinstance(error, RefusedError | InputError | StorageError | StudyRefusedError):
        return _complain(str(error), BAD_INPUT)
    if isinstance(error, MeasurementError | StudyFailedError | DatabaseFailedError):
        return _complain(str(error), FAILED)
    if isinstance(error, DATABASE_ERRORS):
        return _complain(f"the storage failed: {reason(error)}", FAILED)
    raise error


def _complain(message: str, code: int) -> int:
    print(f"accelfront: {message}", file=sys.stderr)
    return code
