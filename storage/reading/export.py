"""All measurements as rows or as JSON; nothing is read from a database here."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from storage.records.study import Study

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet evaluates a cell that begins with one of these."""


def studies_json(studies: Sequence[Study]) -> list[dict[str, Any]]:
    """Each study as in `front --json`, with how and with what it was measured, and all its points.

    Args:
        studies: Studies.
    """
    return [
        {
            **study.as_json(),
            "points": study.points_json(study.trials),
            "protocol": study.protocol.as_json(),
            "versions": study.versions,
        }
        for study in studies
    ]


def trials_csv(studies: Sequence[Study]) -> str:
    """One row per completed trial; an interval takes two columns, a parameter one.

    Args:
        studies: Studies; a parameter that a study does not have is empty in its rows.
    """
    return csv_text([row for study in studies for row in _rows(study)])


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header; a column that a row lacks is empty in it."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_cell, columns))
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A value as a spreadsheet should show it: text from a database is never a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _rows(study: Study) -> list[dict[str, Any]]:
    combination = {**study.combination.as_json(), "methods": study.combination.method_names}
    rows = []
    for point in study.points_json(study.trials):
        params = point.pop("params")
        row: dict[str, Any] = {"study": study.name, **combination, "device": study.device}
        row["loss_budget"] = study.loss_budget
        rows.append(row | flat_cells(point) | params)
    return rows


def flat_cells(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Fields of a point as cells: neither lists nor nested fields."""
    cells: dict[str, Any] = {}
    for field, value in fields.items():
        name = prefix + field
        if name.endswith("_ci"):
            cells[f"{name}_low"], cells[f"{name}_high"] = value or (None, None)
        elif isinstance(value, dict):
            cells |= flat_cells(value, f"{name}_")
        else:
            cells[name] = " ".join(value) if isinstance(value, list) else value
    return cells
