"""`accelfront front`: the Pareto front of each study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from accelfront.cli.options import DEFAULT_STORAGE, AsJson, Budget, Storage, named_file
from accelfront.cli.reading.bounds import OneStudy, judged_under
from objectives.errors import InputError

if TYPE_CHECKING:
    from accelfront.screen.commands import Commands
    from storage.records.study import Study


def front(
    study: OneStudy = None,
    storage: Storage = DEFAULT_STORAGE,
    budget: Budget = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Show the Pareto front of speedup against the study's loss (by default, the CLIP loss)."""
    from accelfront.cli.reading.stored import read
    from accelfront.screen.budgeted import unmeasured_words
    from accelfront.screen.commands import Commands
    from accelfront.screen.models import ModelNames
    from accelfront.screen.tables import print_json
    from storage.database.opening import open_store

    if as_json and as_csv:
        raise InputError("give --json or --csv, not both")
    store = open_store(storage)
    records = judged_under(read(store, study), budget)
    if as_json:
        print_json([record.as_json() for record in records])
    elif as_csv:
        _print_csv(records)
    else:
        every = records if study is None else read(store)
        commands, models = Commands(every, named_file(store.name)), ModelNames(every)
        for record in records:
            if lacking := unmeasured_words(record):
                _show_lacking(record, lacking, commands.storage)
            else:
                _show_front(record, models.below(record.title, record), commands)
            print()


def _show_lacking(study: Study, lacking: str, storage: str | None) -> None:
    """Say which figures no point has, and which command measures them."""
    from accelfront.screen.budgeted import unmeasured_metrics
    from accelfront.screen.terminal import console
    from studies.commands import onward_command

    metrics = unmeasured_metrics(study)
    ending = "; to measure it:" if metrics else ""
    line = f"{study.title}: {lacking}{ending}"
    console().print(line, soft_wrap=True, highlight=False, markup=False)
    if metrics:
        print(onward_command(study, storage, metrics))


def _show_front(study: Study, heading: str, commands: Commands) -> None:
    """Print the table of a front, its plot and the conclusion."""
    from accelfront.screen.plot import front_plot
    from accelfront.screen.tables import doubts, failures_text, front_table
    from accelfront.screen.terminal import console
    from accelfront.screen.verdict import show, verdict

    table = front_table(study, heading)
    console().print(table, front_plot(study), *doubts([study]), markup=False)
    for line in failures_text(study.failed, "could not be measured"):
        console().print(line, soft_wrap=True, markup=False)
    show(verdict(study, commands))


def _print_csv(records: list[Study]) -> None:
    """One row per point of the front, and the answer; an interval takes two columns, others one."""
    from storage.reading.export import csv_text, flat_cells

    rows = []
    for record in records:
        roles = record.roles
        for point in record.points_json(record.listed):
            params = point.pop("params")
            role = roles.get(point["trial"])
            rows.append({"study": record.name, **flat_cells(point), **params, "role": role})
    print(csv_text(rows), end="")
