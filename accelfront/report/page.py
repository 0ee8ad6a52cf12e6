"""The report's page: one HTML file that needs nothing beside it and asks nothing of a network."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path

import jinja2
from plotly.offline import get_plotlyjs

from accelfront.report.charts import (
    Figure,
    comparison_chart,
    front_chart,
    hypervolume_chart,
)
from accelfront.report.comparing import Comparison, compare
from accelfront.report.data import StudyReport, report_study, study_titles
from accelfront.report.fitting import Pictures, fit_pictures
from accelfront.screen.commands import Commands
from accelfront.screen.models import ModelNames
from accelfront.screen.rivals import vs_lossless_text
from accelfront.screen.tables import doubts, foreign_text, searched_params, weakness_text
from generator.bounds import weak_baselines
from storage.records.conclusions.words import sentence, share_text
from storage.records.measurement import Measurement
from storage.records.study import Study

TEMPLATES = Path(__file__).parent / "templates"

MOST_BYTES = 7_900_000
"""Of a page with pictures: what a mail takes, and what a phone opens."""


def render_page(studies: Sequence[Study], pictures: Pictures, storage: str | None = None) -> str:
    """Write the page.

    Args:
        studies: All studies of a storage; one without points is told of in words.
        pictures: One picture grid each for trials of the fronts; as many of them as `MOST_BYTES`
            leaves room for go in, and the page tells of the others.
        storage: The storage that commands are to name; None leaves it to their default.
    """
    commands = Commands(studies, storage)
    reports = [report_study(study, commands) for study in studies]
    comparisons = compare(studies)
    # A study's place in the page, which its sections and rows are named by.
    places = {study.name: place for place, study in enumerate(studies, 1)}
    figures = _figures(reports, comparisons, places)
    content = {
        "reports": reports,
        "comparisons": comparisons,
        "figures": figures,
        "places": places,
        "titles": study_titles(studies),
        "models": ModelNames(studies),
        "doubts": [*map(weakness_text, weak_baselines(studies)), *doubts(studies)],
        "kept": pictures.keys(),
        "written": date.today().isoformat(),
        "library": _library(),
        "packed_figures": _packed(json.dumps(figures, separators=(",", ":"))),
    }
    without = _template().render(content, pictures={}, shrunk=0)
    if not pictures:
        return without
    fitted = fit_pictures(pictures, reports, MOST_BYTES - len(without.encode()))
    sources = {key: _source(picture) for key, picture in fitted.items()}
    shrunk = sum(picture != pictures[key] for key, picture in fitted.items())
    return _template().render(content, pictures=sources, shrunk=shrunk)


def _figures(
    reports: Sequence[StudyReport], comparisons: Sequence[Comparison], places: Mapping[str, int]
) -> dict[str, Figure]:
    """All charts by their ids."""
    figures = {
        f"comparison-{place}": comparison_chart(comparison)
        for place, comparison in enumerate(comparisons, 1)
    }
    for report in reports:
        if report.record.trials:
            name = f"study-{places[report.record.name]}"
            figures[f"{name}-front"] = front_chart(report, name)
            figures[f"{name}-search"] = hypervolume_chart(report)
    return figures


def _source(picture: bytes) -> str:
    """An address that holds the picture."""
    return f"data:image/webp;base64,{base64.b64encode(picture).decode()}"


@cache
def _library() -> str:
    """plotly.js as the page unpacks it: of 4.8 MB there are 2 left."""
    return _packed(get_plotlyjs())


def _packed(text: str) -> str:
    """A text as the page's script unpacks it."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def duration(seconds: float) -> str:
    """A duration in the unit that people would take."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _speedup_told(measured: Measurement) -> tuple[str, str]:
    """A speedup, marked if it was disturbed, and its interval."""
    low, high = measured.speedup_ci
    mark = ", disturbed" if measured.disturbances else ""
    return f"{measured.speedup:.2f}x{mark}", f"{low:.2f} to {high:.2f}"


def _loss_told(measured: Measurement, budget: float) -> tuple[str, str]:
    """A CLIP loss, marked if it is over the budget, and its interval."""
    low, high = (100 * end for end in measured.clip_loss_ci)
    over = ", over the budget" if measured.clip_loss > budget else ""
    return f"{measured.clip_loss:.1%}{over}", f"{low:.1f} to {high:.1f}"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    environment.filters["speedup_told"] = _speedup_told
    environment.filters["loss_told"] = _loss_told
    environment.filters["vs_lossless"] = vs_lossless_text
    environment.filters["inside"] = lambda study, trial: share_text(
        trial.chance_inside(study.budgets)
    )
    environment.filters["params"] = searched_params
    environment.filters["foreign_told"] = foreign_text
    environment.filters["sentence"] = sentence
    return environment.get_template("report.html.jinja")
