"""`accelfront tasks`: tasks that measured trials meet."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Literal

import typer

from accelfront.cli.options import DEFAULT_STORAGE, Budget, Storage
from accelfront.cli.output import OutFile, put_out
from accelfront.cli.reading.bounds import LossBudget, OneStudy, read_at, report_unreached

IN_PART = 3
"""Exit code if no task can be made: the request is fine, but the next command must not run on
no tasks."""


def tasks(
    study: OneStudy = None,
    storage: Storage = DEFAULT_STORAGE,
    ratios: Annotated[
        str, typer.Option(help="Shares of each answer to ask for, joined by commas.")
    ] = "0.8,0.9,0.95",
    req_score_loss: LossBudget = None,
    budget: Budget = None,
    file_format: Annotated[
        Literal["sentences", "jsonl"], typer.Option("--format", help="The form of a line.")
    ] = "sentences",
    language: Annotated[
        Literal["en", "zh"], typer.Option(help="The language of the sentences.")
    ] = "en",
    out: OutFile = None,
) -> None:
    """Write tasks that measured trials meet, as shares of each answer; exit code 3 if none."""
    from generator.make_tasks import make_tasks
    from generator.tasks.writing import task_json, task_sentence
    from objectives.settings.entries import written_entries

    shares = _read_ratios(ratios)
    records = read_at(storage, study, req_score_loss, budget)
    made, told = make_tasks(records, shares)
    for line in told:
        print(line, file=sys.stderr)
    report_unreached(records, storage)
    if not made:
        print("no task can be made: measure more points, or allow a greater loss", file=sys.stderr)
        raise typer.Exit(IN_PART)
    # No sentence names settings that are not the pipeline's own.
    lines = [
        json.dumps(task_json(task), ensure_ascii=False)
        if file_format == "jsonl" or written_entries(task.settings)
        else task_sentence(task, language)
        for task in made
    ]
    put_out("".join(f"{line}\n" for line in lines), out)


def _read_ratios(text: str) -> list[float]:
    from objectives.errors import InputError
    from storage.foreign import shown

    try:
        ratios = [float(part) for part in text.split(",")]
    except ValueError:
        ratios = []
    if not ratios or not all(0 < ratio <= 1 for ratio in ratios):
        raise InputError(
            "--ratios are shares of the answer, above 0 and at most 1, such as 0.8,0.9; it is "
            f"{shown(text)}"
        )
    return ratios
