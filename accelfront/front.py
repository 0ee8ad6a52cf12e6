"""`accelfront front`: the Pareto front of each study."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from accelfront.options import DEFAULT_STORAGE, AsJson, Storage

if TYPE_CHECKING:
    from storage.records import StudyRecord


def front(
    study: Annotated[str | None, typer.Argument(help="Show this study only.")] = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Show the Pareto front of speedup against CLIP loss."""
    from rich.console import Console

    from accelfront.plot import front_plot
    from accelfront.reading import read
    from accelfront.tables import front_table, print_json
    from storage.store import open_store

    if as_json and as_csv:
        raise typer.BadParameter("give --json or --csv, not both")
    records = read(open_store(storage), study)
    if as_json:
        print_json([record.as_json() for record in records])
    elif as_csv:
        _print_csv(records)
    else:
        for record in records:
            Console().print(front_table(record), front_plot(record), "")


def _print_csv(records: list[StudyRecord]) -> None:
    """One row a point; intervals take two columns, parameters one each."""
    from storage.export import flat_cells

    rows = []
    for record in records:
        for trial in record.front:
            point = trial.as_json()
            params = point.pop("params")
            rows.append({"study": record.name, **flat_cells(point), **params})
    columns = list(dict.fromkeys(column for row in rows for column in row))
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
