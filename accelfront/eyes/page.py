"""The page of two points side by side: one self-contained HTML file."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any

import jinja2

from accelfront.eyes.figures import figure_rows, parameter_rows, setting_rows, verdict
from accelfront.eyes.kept import Kept
from accelfront.eyes.sides import Couple
from accelfront.screen.commands import Commands
from storage.database.opening import Store
from storage.reading.studies import read_studies
from storage.records.study import Study


def render_comparison(
    store: Store, couple: Couple, kept: Kept, storage: str | None = None, nonce: str = ""
) -> str:
    """Write the page.

    Args:
        store: Holds both.
        couple: The two to compare.
        kept: Their pictures.
        storage: The storage that commands name; None leaves it to their default.
        nonce: Marks its script, so that a server may allow no other.
    """
    commands = Commands(_alike(store, couple), storage)
    named = [] if storage is None else ["--storage", storage]
    rate = couple.win_rate
    content = {
        "couple": couple,
        "verdict": verdict(couple),
        "kept": kept,
        "figures": figure_rows(couple),
        "parameters": parameter_rows(couple),
        "settings": setting_rows(couple),
        "votes": "" if rate is None else rate.in_words,
        "blind": shlex.join(["accelfront", "compare", *couple.words, "--blind", *named]),
        "nonce": nonce,
        "uses": {
            side.name: command
            for side in couple.sides
            if side.trial is not None and (command := commands.of(side.study, side.trial))
        },
    }
    return render("compare.html.jinja", content)


def _alike(store: Store, couple: Couple) -> list[Study]:
    """The studies that `generate` would choose from for either side."""
    combinations = {side.study.combination for side in couple.sides}
    return [study for study in read_studies(store) if study.combination in combinations]


def render(template: str, content: Mapping[str, Any]) -> str:
    """Fill in a template of accelfront/eyes/, which may use those of the report."""
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
