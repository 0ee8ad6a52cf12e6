"""`accelfront sweep`: run or resume all studies of a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from accelfront.cli.options import (
    DEFAULT_STORAGE,
    AsJson,
    Device,
    NoConfirm,
    NoScreening,
    RetryFailed,
)
from accelfront.screen.counting import counted

if TYPE_CHECKING:
    from studies.engines.results import StudyResult, Watch
    from studies.request import StudyRequest
    from studies.sweep import Listed

INTERRUPTED, IN_PART = 130, 3

Engine = Callable[["Sequence[StudyRequest]", str, "Watch"], "Iterator[StudyResult]"]


def sweep(
    file: Annotated[Path, typer.Argument(help="A YAML file, like those in studies/.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the studies and run none.")
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(help="Only studies whose name matches, such as 'SDXL--*--tgate'."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            envvar="ACCELFRONT_STORAGE",
            show_envvar=True,
            help=f"Where studies are kept. Default: the file's storage, or {DEFAULT_STORAGE}.",
        ),
    ] = None,
    device: Device = "auto",
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(help="local: one study after the other, here. ray: on a Ray cluster."),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="With --engine ray: auto (the cluster that this machine is part of, the default), "
            "HOST:PORT, or local (this machine alone)."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --engine ray: the number of workers. Default: one per GPU, or one per node "
            "without GPUs.",
        ),
    ] = None,
    no_screening: NoScreening = False,
    no_confirm: NoConfirm = False,
    retry_failed: RetryFailed = False,
    as_json: AsJson = False,
) -> None:
    """Run or resume all studies of a sweep file."""
    from objectives.errors import InputError
    from studies.sweep import label, list_study, make_requests
    from studies.sweep_file import read_sweep

    # Check first what needs no heavy library, so that an error shows at once.
    if engine == "local" and (address is not None or workers is not None):
        raise InputError("--address and --workers are for --engine ray; add it or leave them out")
    content = read_sweep(file)

    from accelfront.cli.process import prepare_light_process, prepare_process

    # Ray's workers load pipelines, so start them as early as possible.
    prepare = prepare_process if engine == "local" or dry_run else prepare_light_process
    prepare()
    from studies.engines.local import run_here

    requests = [
        replace(
            request,
            screening=not no_screening,
            confirm=not no_confirm,
            retry_failed=retry_failed,
        )
        for request in make_requests(content, file.parent, device)
    ]
    chosen = [each for each in requests if only is None or fnmatch(label(each), only)]
    if not chosen:
        raise InputError(
            f"--only {only} matches none of {counted(len(requests), 'study')}; "
            f"a name is like {label(requests[0])}"
        )
    if dry_run:
        _show_list([list_study(request) for request in chosen], as_json)
        return
    run = run_here if engine == "local" else _ray_engine(address or "auto", workers)
    results = _run(run, chosen, storage or content.storage or DEFAULT_STORAGE)
    # On different devices one combination makes several studies.
    _show_results(results, max(len(chosen), len(results)), as_json)
    _warn_of_budgets(results, content.loss_budget)
    if any(result.state == "interrupted" for result in results):
        raise typer.Exit(INTERRUPTED)
    if any(result.state == "failed" for result in results):
        raise typer.Exit(IN_PART)


def _ray_engine(address: str, workers: int | None) -> Engine:
    from accelfront.cli.process import prepare_process
    from objectives.errors import InputError

    try:
        from studies.engines.ray_engine import run_on_ray
    except ModuleNotFoundError as error:
        raise InputError(
            f"--engine ray needs {error.name}, which is not installed: pip install '.[ray]'"
        ) from error
    return partial(run_on_ray, address=address, workers=workers, prepare=prepare_process)


def _run(engine: Engine, requests: list[StudyRequest], storage: str) -> list[StudyResult]:
    """Run the studies, with a live view and a line for each failure."""
    from accelfront.screen.view import SweepView

    results: list[StudyResult] = []
    with SweepView() as view:
        for result in engine(requests, storage, view):
            results.append(result)
            if result.state == "failed":
                view.tell(f"{result.label} failed: {result.reason}")
    return results


def _show_list(listed: list[Listed], as_json: bool) -> None:
    from accelfront.screen.tables import plain_table, print_json
    from accelfront.screen.terminal import console

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
                    "estimated": each.estimated,
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
            points = f"{'~' if each.estimated else ''}{each.points}"
            table.add_row(trials, points, str(each.grid), words)
        console().print(table)
    trials, points, grid = (
        sum(counts)
        for counts in zip(
            *((min(x.request.trials, x.points), x.points, x.grid) for x in listed), strict=True
        )
    )
    print(
        f"{counted(len(listed), 'study')}: {counted(trials, 'trial')}, of "
        f"{counted(points, 'distinct point')}, "
        f"of {counted(grid, 'parameter set')} of the full grids",
        file=sys.stderr,
    )
    if any(each.estimated for each in listed):
        print("~ a study calibrates its cache first, which may change its points", file=sys.stderr)


def _show_results(results: list[StudyResult], wanted: int, as_json: bool) -> None:
    from accelfront.screen.sweep_table import sweep_table
    from accelfront.screen.tables import doubts, print_json, weakness_text
    from accelfront.screen.terminal import console
    from generator.bounds import weak_baselines

    if as_json:
        print_json([result.as_json() for result in results])
    else:
        console().print(sweep_table(results))
    studies = [result.study for result in results if result.study is not None]
    for line in [*map(weakness_text, weak_baselines(studies)), *doubts(studies)]:
        print(line, file=sys.stderr)
    done, failed = (
        sum(result.state == state for result in results) for state in ("done", "failed")
    )
    measured = sum(result.measured for result in results)
    print(
        f"{done} of {counted(wanted, 'study')} done, {failed} failed; "
        f"{counted(measured, 'point')} measured now. The same command runs the rest.",
        file=sys.stderr,
    )


def _warn_of_budgets(results: list[StudyResult], asked: float | None) -> None:
    """Warn that existing studies keep another loss budget than the file's."""
    from storage.records.budgets import CLIP_LOSS, amount

    kept = {result.study.loss_budget for result in results if result.study is not None} - {asked}
    if asked is None or not kept:
        return
    budgets = " and ".join(amount(CLIP_LOSS, budget) for budget in sorted(kept))
    print(
        f"existing studies keep their loss budget of {budgets}; the file's "
        f"{amount(CLIP_LOSS, asked)} is for new studies, and `accelfront study ... "
        f"--req-score-loss {asked:g}` changes a study's budget",
        file=sys.stderr,
    )
