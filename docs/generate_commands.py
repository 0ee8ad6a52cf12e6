"""Write docs/commands.md, the reference of the command line: `make docs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperGroup

from accelfront.cli.app import app
from accelfront.cli.examples import EXAMPLES

PAGE = Path(__file__).with_name("commands.md")

HEAD = """\
# Commands

Every command with every option, in the words of `--help`. `make docs` writes this page: change the
texts in `accelfront/`. [Concepts](concepts.md#what---json-prints) lists what `--json` prints.

Data goes to stdout, everything else to stderr. Exit codes: 0 done; 1 failed; 2 bad usage or input,
with the next step in a line or two; 3 done in part, with what is left and why; 130 interrupted.

`accelfront --install-completion` lets your shell complete commands, options, and the names of
pipelines, schedulers, methods, samplers and studies.
"""


def render_commands() -> str:
    """Write the reference, as Markdown; neither the terminal's width nor its colours matter."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return "\n".join([HEAD, *(_section(*item) for item in group.commands.items())])


def _section(name: str, command: Any) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join(["accelfront", name, *command.collect_usage_pieces(context)])
    lines = [f"## {name}", "", command.help, "", "```text", usage, "```", ""]
    rows = [param.get_help_record(context) for param in command.params]
    if rows:
        lines += ["| argument or option | meaning |", "|---|---|"]
        lines += [f"| `{_cell(what)}` | {_cell(meaning)} |" for what, meaning in rows]
        lines.append("")
    lines += ["<!-- minutes -->", "```sh", *EXAMPLES[name], "```", ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """A text as a table takes it: on one line, its bars escaped."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render_commands(), encoding="utf-8")
