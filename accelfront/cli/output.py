"""Where a command's data goes: stdout, or a file that is written in full or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OutFile = Annotated[
    Path | None,
    typer.Option("--out", help="Write to this file, which is replaced. Default: stdout."),
]


def put_out(text: str, out: Path | None) -> None:
    """Print a text that ends in a newline, or replace a file with it.

    Raises:
        InputError: If the file cannot be written.
    """
    if out is None:
        print(text, end="")
        return
    from objectives.files import replace_file

    replace_file(out, text)
