"""The page of two points side by side: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jinja2

from accelfront.eyes.figures import figure_rows, parameter_rows, setting_rows, verdict
from accelfront.eyes.kept import Kept, Sheet
from accelfront.eyes.sides import Couple
from accelfront.screen.commands import Commands


def render_comparison(couple: Couple, kept: Kept, commands: Commands, blind: str) -> str:
    """Write the page.

    Args:
        couple: What is compared.
        kept: Their pictures.
        commands: Of the storage that they are in.
        blind: The command that asks people which pictures they prefer.
    """
    rate = couple.win_rate
    content = {
        "couple": couple,
        "verdict": verdict(couple),
        "kept": kept,
        "sheets": [shown(sheet) for sheet in kept.sheets],
        "notes": [(f"prompt {number}", "") for number in range(1, kept.pairs + 1)],
        "figures": figure_rows(couple),
        "parameters": parameter_rows(couple),
        "settings": setting_rows(couple),
        "votes": "" if rate is None else rate.in_words,
        "blind": blind,
        "uses": {
            side.name: command
            for side in couple.sides
            if side.trial is not None and (command := commands.of(side.study, side.trial))
        },
    }
    return render("compare.html.jinja", content)


def shown(sheet: Sheet) -> dict[str, Any]:
    """A sheet as the viewer of pairs takes it."""
    return {"src": sheet.src, "columns": sheet.columns, "row": sheet.row}


def render(template: str, content: Mapping[str, Any]) -> str:
    """Fill in a template of this room, which may use those of the report."""
    return _environment().get_template(template).render(content)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("accelfront.eyes"), jinja2.PackageLoader("accelfront.report")]
        ),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
