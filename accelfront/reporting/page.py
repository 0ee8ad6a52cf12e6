"""The report's page: one HTML file that needs nothing beside it and asks nothing of a network."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path

import jinja2
from plotly.offline import get_plotlyjs

from accelfront.reporting.charts import comparison_chart, front_chart, hypervolume_chart
from accelfront.reporting.data import compare, report_study
from accelfront.tables import searched_params
from storage.records import StudyRecord

TEMPLATES = Path(__file__).parent / "templates"

MOST_PICTURES = 2_500_000
"""Characters that all pictures together may take; with plotly.js the page stays below 8 MB."""

Pictures = Mapping[tuple[str, int], bytes]
"""WebP pictures by the study's name and the trial's number."""


def render_page(
    studies: Sequence[StudyRecord], pictures: Pictures, storage: str | None = None
) -> str:
    """Write the page.

    Args:
        studies: All studies of a storage; one without points is told of in words.
        pictures: One picture grid each for trials of the fronts; the smallest go in as long as
            there is room.
        storage: The storage that commands are to name; None leaves it to their default.
    """
    reports = [report_study(study, studies, storage) for study in studies]
    return _template().render(
        reports=reports,
        comparisons=compare(studies),
        pictures=_sources(pictures),
        # A study's place in the page, which its sections and rows are named by.
        places={study.name: place for place, study in enumerate(studies, 1)},
        written=date.today().isoformat(),
        plotly_js=get_plotlyjs(),
    )


def _sources(pictures: Pictures) -> dict[tuple[str, int], str]:
    """As many pictures as there is room for, as addresses that hold them."""
    sources: dict[tuple[str, int], str] = {}
    room = MOST_PICTURES
    for key, picture in sorted(pictures.items(), key=lambda item: len(item[1])):
        source = f"data:image/webp;base64,{base64.b64encode(picture).decode()}"
        room -= len(source)
        if room < 0:
            break
        sources[key] = source
    return sources


def duration(seconds: float) -> str:
    """A duration in the unit that people would take."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


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
    environment.filters["params"] = searched_params
    environment.globals |= {
        "front_chart": front_chart,
        "hypervolume_chart": hypervolume_chart,
        "comparison_chart": comparison_chart,
    }
    return environment.get_template("report.html.jinja")
