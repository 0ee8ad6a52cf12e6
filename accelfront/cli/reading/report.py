"""`accelfront report`: everything in a storage, as one HTML page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from accelfront.cli.options import DEFAULT_STORAGE, Storage, named_file
from accelfront.screen.counting import counted


def report(
    storage: Storage = DEFAULT_STORAGE,
    out: Annotated[Path, typer.Option(help="The file of the page, which is replaced.")] = Path(
        "report.html"
    ),
) -> None:
    """Write one page of fronts, tables and pictures that opens without a network."""
    from accelfront.cli.output import put_out
    from accelfront.cli.reading.stored import read
    from accelfront.report.page import render_page
    from accelfront.report.pictures import front_pictures
    from storage.database.opening import open_store

    store = open_store(storage)
    studies = read(store)
    page = render_page(studies, front_pictures(store, studies), named_file(store.name))
    put_out(page, out)
    print(
        f"{counted(len(studies), 'study')} in {out}, {len(page.encode()) / 1e6:.1f} MB",
        file=sys.stderr,
    )
