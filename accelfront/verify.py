"""`accelfront verify`: emitted scripts held against their trials."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelfront.options import DEFAULT_STORAGE, AsJson, Storage

if TYPE_CHECKING:
    from rich.table import Table

    from generator.verify import Verdict

IN_PART = 3


def verify(
    scripts: Annotated[
        list[Path], typer.Argument(help="Scripts that `generate` wrote.", metavar="SCRIPT...")
    ],
    storage: Storage = DEFAULT_STORAGE,
    model: Annotated[
        str | None,
        typer.Option(help="The model, where it is not where the scripts say: a folder or address."),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="The study's file of prompts. Default: the pipeline's."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Run scripts and compare pictures and speed; exit code 3 if one does not keep its promise."""
    from rich.console import Console

    from accelfront.process import prepare_process
    from accelfront.tables import print_json
    from generator.verify import read_promise
    from generator.verify import verify as hold
    from storage.records import read_studies
    from storage.store import open_store

    promises = [read_promise(script) for script in scripts]
    studies = {study.name: study for study in read_studies(open_store(storage))}
    prepare_process()
    verdicts = []
    for promise in promises:
        print(f"running {promise.script}", file=sys.stderr)
        verdicts.append(hold(promise, studies, model, prompts, device))
    if as_json:
        print_json([verdict.as_json() for verdict in verdicts])
    else:
        Console().print(_table(verdicts))
    for verdict in verdicts:
        for reason in verdict.broken:
            print(f"{verdict.promise.script}: {reason}", file=sys.stderr)
    if any(verdict.broken for verdict in verdicts):
        raise typer.Exit(IN_PART)


def _table(verdicts: list[Verdict]) -> Table:
    from accelfront.tables import plain_table

    table = plain_table("pictures", "speedup", "the trial's", "kept")
    table.add_column("script", justify="left", overflow="fold")
    for verdict in verdicts:
        measured, expected = verdict.measured, verdict.expected
        table.add_row(
            _pictures(verdict),
            "-"
            if measured is None
            else f"{measured.value:.2f}x {measured.low:.2f}-{measured.high:.2f}",
            f"{expected.value:.2f}x {expected.low:.2f}-{expected.high:.2f}",
            "no" if verdict.broken else "yes",
            verdict.promise.script.name,
        )
    notes = {verdict.note for verdict in verdicts if verdict.note}
    table.caption = "\n".join(["intervals at 95%", *sorted(notes)])
    table.caption_justify = "left"
    return table


def _pictures(verdict: Verdict) -> str:
    if verdict.psnr_db is None:
        return "-"
    return "equal" if verdict.equal else f"{verdict.psnr_db:.1f} dB"
