"""`accelfront export`: what was measured, for other tools."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from accelfront.cli.options import DEFAULT_STORAGE, Budget, Storage
from accelfront.cli.output import OutFile, put_out
from accelfront.cli.reading.bounds import LossBudget, OneStudy, read_at
from accelfront.screen.terminal import json_text

Format = Literal["search-params", "speedup-bounds", "csv", "json"]


def export(
    study: OneStudy = None,
    file_format: Annotated[
        Format,
        typer.Option(
            "--format",
            help="json, csv: every completed trial. search-params: the front inside the loss "
            "budget. speedup-bounds: the bounds. The last two are files of the grid search.",
        ),
    ] = "json",
    storage: Storage = DEFAULT_STORAGE,
    req_score_loss: LossBudget = None,
    budget: Budget = None,
    out: OutFile = None,
) -> None:
    """Write the studies of a storage as JSON or CSV."""
    from storage.reading.export import studies_json, trials_csv
    from storage.reading.prototype import write_search_params, write_speedup_bounds

    records = read_at(storage, study, req_score_loss, budget)
    left: list[str] = []
    content: object
    if file_format == "csv":
        put_out(trials_csv(records), out)
        return
    if file_format == "json":
        content = studies_json(records)
    elif file_format == "search-params":
        content, left = write_search_params(records)
    else:
        content, left = write_speedup_bounds(records)
    put_out(json_text(content) + "\n", out)
    for line in left:
        print(line, file=sys.stderr)
