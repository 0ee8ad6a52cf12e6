"""Where the figures of a benchmark are kept: a JSON file, and the same as a page."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from accelfront.cli.output import put_out

RESULTS = Path(__file__).parents[1] / "results"


def out_folder(text: str) -> Path:
    """Make a folder before hours are spent on its contents, as a type of argparse."""
    folder = Path(text)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot make {folder}: {error.strerror}") from error
    return folder


def results_parser(description: str | None) -> argparse.ArgumentParser:
    """A command line that says where results go; a script passes its docstring, shown unchanged."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=out_folder, default=RESULTS)
    return parser


def results_path(name: str, out: Path) -> Path:
    """The path of a name's JSON file."""
    return out / f"{re.sub(r'[^a-z0-9.]+', '-', name.lower()).strip('-')}.json"


def keep_results(name: str, results: dict[str, Any], page: str, out: Path) -> None:
    """Replace both files, each in full or not at all.

    Args:
        name: The subject and the device of the measurement, in words.
        results: Its figures.
        page: The same for people, in Markdown.
        out: A folder.

    Raises:
        InputError: If a file cannot be written.
    """
    path = results_path(name, out)
    put_out(_as_json(results), path)
    put_out(page, path.with_name(f"{path.stem}.md"))


def _as_json(results: dict[str, Any]) -> str:
    """A line for each entry of a list, since searches and samples go into the thousands."""
    fields = []
    for name, value in results.items():
        text = json.dumps(value)
        if isinstance(value, list) and value:
            text = "[\n" + ",\n".join(f"  {json.dumps(entry)}" for entry in value) + "\n ]"
        fields.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(fields) + "\n}\n"
