"""`accelfront verify`: runs emitted scripts and compares them with their trials."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelfront.cli.options import DEFAULT_STORAGE, AsJson, Device, Storage
from accelfront.screen.counting import counted

if TYPE_CHECKING:
    from rich.table import Table

    from generator.artefacts.promise import Verdict
    from objectives.statistics import Estimate

IN_PART, INTERRUPTED = 3, 130


def verify(
    scripts: Annotated[
        list[Path], typer.Argument(help="Scripts that `generate` wrote.", metavar="SCRIPT...")
    ],
    storage: Storage = DEFAULT_STORAGE,
    model: Annotated[
        str | None,
        typer.Option(help="The model, if it is not where the scripts say: a folder or an address."),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="The study's file of prompts. Default: the pipeline's."),
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Run scripts and compare them with their trials; exit code 3 if one breaks its promise."""
    from accelfront.cli.process import prepare_process
    from accelfront.cli.reading.stored import read
    from accelfront.screen.tables import print_json
    from accelfront.screen.terminal import console
    from generator.artefacts.verify import judge
    from objectives.timing.device import find_device
    from storage.database.opening import open_store

    _check_files(scripts, prompts)
    store = open_store(storage)
    studies = {study.name: study for study in read(store)}
    prepare_process()
    find_device(device)
    verdicts: list[Verdict] = []
    interrupted = False
    try:
        for script in scripts:
            print(f"running {script}", file=sys.stderr)
            verdicts.append(judge(script, studies, store.engine, model, prompts, device))
    except KeyboardInterrupt:
        interrupted = True
        print(
            f"Interrupted; {counted(len(scripts) - len(verdicts), 'script')} not verified.",
            file=sys.stderr,
        )
    if as_json:
        print_json([verdict.as_json() for verdict in verdicts])
    else:
        screen = console(highlight=False)
        screen.print(_table(verdicts))
        for number, verdict in enumerate(verdicts, 1):
            # On one line, for copying.
            screen.print(f"{number}: {verdict.script}", soft_wrap=True)
    for verdict in verdicts:
        for reason in verdict.broken:
            print(f"{verdict.script}: {reason}", file=sys.stderr)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if any(verdict.broken for verdict in verdicts):
        raise typer.Exit(IN_PART)


def _check_files(scripts: list[Path], prompts: Path | None) -> None:
    """Refuse what concerns every script before any runs; a single fault is its script's own."""
    from objectives.errors import InputError
    from objectives.prompts import read_prompts

    if not any(script.exists() for script in scripts):
        raise InputError(f"there is no file {scripts[0]}; name scripts that `generate` wrote")
    if prompts is not None:
        read_prompts(prompts)


def _table(verdicts: list[Verdict]) -> Table:
    from accelfront.screen.tables import plain_table

    table = plain_table("#", "pictures", "speedup", "the trial's", "s/picture", "kept")
    for number, verdict in enumerate(verdicts, 1):
        table.add_row(
            str(number),
            _pictures(verdict),
            _speedup(verdict.measured),
            _speedup(verdict.expected),
            "-" if verdict.latency is None else f"{verdict.latency.value:#.3g}".rstrip("."),
            "no" if verdict.broken else "yes",
        )
    notes = {verdict.note for verdict in verdicts if verdict.note}
    table.caption = "\n".join(["intervals at 95%", *sorted(notes)])
    table.caption_justify = "left"
    return table


def _speedup(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return f"{estimate.value:.2f}x {estimate.low:.2f}-{estimate.high:.2f}"


def _pictures(verdict: Verdict) -> str:
    if verdict.psnr_db is None:
        return "-"
    return "equal" if verdict.equal else f"{verdict.psnr_db:.1f} dB"
