"""`accelfront sweep`: run or resume all studies of a file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from accelfront.options import DEFAULT_STORAGE, AsJson

if TYPE_CHECKING:
    from rich.table import Table

    from storage.records import StudyRecord
    from storage.store import Store
    from studies.bench import Workbench
    from studies.plan import StudyRequest
    from studies.sweep import Listed

INTERRUPTED, IN_PART = 130, 3

State = Literal["done", "failed", "interrupted"]


@dataclass(frozen=True)
class Row:
    """How one study of a sweep ended.

    Attributes:
        label: The study without its digest.
        state: Whether it has done enough.
        reason: Why not, in words; empty if it has.
        study: The study as it is stored; None if it never began.
        measured: Points that this run measured.
    """

    label: str
    state: State
    reason: str
    study: StudyRecord | None
    measured: int

    def as_json(self) -> dict[str, Any]:
        """One entry of `sweep --json`."""
        study = {} if self.study is None else self.study.as_json()
        return {
            "combination": self.label,
            "state": self.state,
            "reason": self.reason or None,
            "measured": self.measured,
            **study,
        }


def sweep(
    file: Annotated[Path, typer.Argument(help="A YAML file, as those in studies/.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the studies and run none.")
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(help="Only studies whose name matches, as in 'SDXL--*--tgate'."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            envvar="ACCELFRONT_STORAGE",
            show_envvar=True,
            help=f"Where studies are kept. Default: what the file says, else {DEFAULT_STORAGE}.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Run all studies that a file crosses, or go on with them."""
    from accelfront.process import prepare_process

    prepare_process()
    from objectives.errors import InputError
    from studies.sweep import label, list_study, make_requests, read_sweep

    content = read_sweep(file)
    requests = make_requests(content, file.parent, device)
    chosen = [each for each in requests if only is None or fnmatch(label(each), only)]
    if not chosen:
        raise InputError(
            f"--only {only} matches none of the {len(requests)} studies; "
            f"their names are like {label(requests[0])}"
        )
    if dry_run:
        _show_list([list_study(request) for request in chosen], as_json)
        return
    rows = _run(chosen, storage or content.storage or DEFAULT_STORAGE)
    _show_rows(rows, len(chosen), as_json)
    if rows[-1].state == "interrupted":
        raise typer.Exit(INTERRUPTED)
    if any(row.state == "failed" for row in rows):
        raise typer.Exit(IN_PART)


def _run(requests: list[StudyRequest], storage: str) -> list[Row]:
    """Run the studies one after the other, up to the one that is interrupted."""
    from storage.store import open_store
    from studies.bench import Workbench

    store = open_store(storage, create=True)
    workbench = Workbench()
    rows: list[Row] = []
    for number, request in enumerate(requests, start=1):
        rows.append(_run_one(request, store, workbench, f"[{number}/{len(requests)}] "))
        if rows[-1].state == "interrupted":
            break
        if rows[-1].state == "failed":
            print(f"{rows[-1].label} failed: {rows[-1].reason}", file=sys.stderr)
    return rows


def _run_one(request: StudyRequest, store: Store, workbench: Workbench, place: str) -> Row:
    from accel_space.errors import RefusedError
    from accelfront.view import StudyView
    from objectives.errors import InputError, MeasurementError
    from studies.errors import StudyFailedError, StudyRefusedError
    from studies.plan import make_plan
    from studies.runner import run_study
    from studies.sweep import label

    name = label(request)
    try:
        plan = make_plan(request)
        with StudyView(place + plan.study_name) as view:
            outcome = run_study(plan, store, view, workbench)
    except KeyboardInterrupt:
        return Row(name, "interrupted", "interrupted at once", None, 0)
    except (
        InputError,
        RefusedError,
        MeasurementError,
        StudyFailedError,
        StudyRefusedError,
    ) as error:
        return Row(name, "failed", str(error), None, 0)
    state: State = "interrupted" if outcome.reason == "interrupt" else "done"
    return Row(name, state, "", outcome.study, outcome.measured)


def _show_list(listed: list[Listed], as_json: bool) -> None:
    from rich.console import Console

    from accelfront.tables import plain_table, print_json

    if as_json:
        print_json(
            [
                {
                    "combination": each.label,
                    "pipeline": each.request.pipeline,
                    "scheduler": each.request.scheduler,
                    "steps": each.request.steps,
                    "methods": list(each.request.methods),
                    "points": each.points,
                    "grid": each.grid,
                    "trials": min(each.request.trials, each.points),
                    "refused": each.refused,
                }
                for each in listed
            ]
        )
    else:
        table = plain_table("trials", "points", "grid")
        table.add_column("study", justify="left")
        for each in listed:
            trials = str(min(each.request.trials, each.points))
            words = each.label + (f"\nrefused: {each.refused}" if each.refused else "")
            table.add_row(trials, str(each.points), str(each.grid), words)
        Console().print(table)
    trials, points, grid = (
        sum(counts)
        for counts in zip(
            *((min(x.request.trials, x.points), x.points, x.grid) for x in listed), strict=True
        )
    )
    print(
        f"{len(listed)} studies: {trials:,} trials, of {points:,} distinct points, "
        f"of {grid:,} parameter sets of the full grids",
        file=sys.stderr,
    )


def _show_rows(rows: list[Row], wanted: int, as_json: bool) -> None:
    from rich.console import Console

    from accelfront.tables import print_json

    if as_json:
        print_json([row.as_json() for row in rows])
    else:
        Console().print(_table(rows))
    counts = {state: sum(row.state == state for row in rows) for state in ("done", "failed")}
    measured = sum(row.measured for row in rows)
    print(
        f"{counts['done']} of {wanted} studies done, {counts['failed']} failed; {measured} points "
        "measured now. The same command goes on with what is left.",
        file=sys.stderr,
    )


def _table(rows: list[Row]) -> Table:
    from accelfront.tables import plain_table
    from storage.front import best_inside

    table = plain_table("points", "best", "loss")
    table.add_column("study", justify="left")
    for row in rows:
        study = row.study
        best = None if study is None else best_inside(study.trials, study.loss_budget)
        words = row.label + (f"\n{row.state}: {row.reason}" if row.reason else "")
        table.add_row(
            "-" if study is None else f"{len(study.trials)}/{study.space['distinct']}",
            "-" if best is None else f"{best.speedup:.2f}x",
            "-" if best is None else f"{best.clip_loss:.1%}",
            words,
        )
    table.caption = "best: the greatest speedup inside the loss budget"
    table.caption_justify = "left"
    return table
