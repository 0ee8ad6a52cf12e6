"""The report's page: one self-contained HTML file that needs no network."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

import jinja2

from accelfront.report.comparing import compare
from accelfront.report.data import report_study, study_titles
from accelfront.report.fitting import Pictures, fit_pictures
from accelfront.report.pictures import Sheet
from accelfront.report.points import comparison_values, study_values
from accelfront.report.prompts import picture_notes, study_prompts
from accelfront.screen.commands import Commands
from accelfront.screen.models import ModelNames
from accelfront.screen.rivals import vs_lossless_text
from accelfront.screen.tables import doubts, searched_params, weakness_text
from generator.bounds import weak_baselines
from storage.records.budgets import figure, title
from storage.records.conclusions.words import loss_share, sentence, share_text
from storage.records.measurement import Measurement
from storage.records.study import Study
from storage.records.trial import Trial

TEMPLATES = Path(__file__).parent / "templates"

MOST_BYTES = 7_900_000
"""Limit of a page with pictures: what a mail takes, and what a phone opens."""


def render_page(studies: Sequence[Study], pictures: Pictures, storage: str | None = None) -> str:
    """Write the page.

    Args:
        studies: All studies of a storage; one without points is only mentioned.
        pictures: One picture grid each for trials of the fronts; as many are included as
            `MOST_BYTES` allows, and the page mentions the others.
        storage: The storage that commands name; None leaves it to their default.
    """
    commands = Commands(studies, storage)
    reports = [report_study(study, commands) for study in studies]
    comparisons = compare(studies)
    # A study's index in the page, which names its sections and rows.
    places = {study.name: place for place, study in enumerate(studies, 1)}
    titles = study_titles(studies)
    prompts = {study.name: study_prompts(study) for study in studies}
    values = {
        "studies": {
            f"study-{places[report.record.name]}": study_values(report)
            for report in reports
            if report.record.trials
        },
        "comparisons": [comparison_values(each, titles, places) for each in comparisons],
    }
    content = {
        "reports": reports,
        "comparisons": comparisons,
        "notes": lambda study, trial: picture_notes(trial, prompts[study.name]),
        "places": places,
        "titles": titles,
        "models": ModelNames(studies),
        "doubts": [*map(weakness_text, weak_baselines(studies)), *doubts(studies)],
        "kept": pictures.keys(),
        "written": date.today().isoformat(),
        "packed_values": _packed(json.dumps(values, separators=(",", ":"))),
    }
    without = _template().render(content, sheets={}, shrunk=0)
    if not pictures:
        return without
    fitted = fit_pictures(pictures, reports, MOST_BYTES - len(without.encode()))
    protocols = {study.name: study.protocol for study in studies}
    sheets = {key: Sheet.of(picture, protocols[key[0]]) for key, picture in fitted.items()}
    shrunk = sum(picture != pictures[key] for key, picture in fitted.items())
    return _template().render(content, sheets=sheets, shrunk=shrunk)


def _packed(text: str) -> str:
    """Compress a text so that the page's script can unpack it."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def duration(seconds: float) -> str:
    """A duration in the unit that people would choose."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _speedup_told(measured: Measurement) -> tuple[str, str, str]:
    """A speedup, its interval, and a mark if it was disturbed."""
    low, high = measured.speedup_ci
    mark = "disturbed" if measured.disturbances else ""
    return f"{measured.speedup:.2f}x", f"{low:.2f} to {high:.2f}", mark


def _loss_told(measured: Measurement, study: Study) -> tuple[str, str, str]:
    """A loss, its interval, and a mark if it is over the budget."""
    found = figure(measured, study.loss)
    if found is None:
        return "not known", "", ""
    over = "over the budget" if found.value > study.loss_budget else ""
    return loss_share(found.value), f"{100 * found.low:z.1f} to {100 * found.high:z.1f}", over


def _other(trial: Trial, name: str) -> str:
    """The loss of a point in a metric other than the study's own."""
    found = figure(trial.judged, name)
    return "-" if found is None else loss_share(found.value)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "aspect": lambda study: study.protocol.width / study.protocol.height,
        "duration": duration,
        "inside": lambda study, trial: share_text(trial.chance_inside(study.budgets)),
        "loss_share": loss_share,
        "loss_title": lambda study: title(study.loss),
        "loss_told": _loss_told,
        "metric_title": title,
        "other": _other,
        "params": searched_params,
        "sentence": sentence,
        "speedup_told": _speedup_told,
        "vs_lossless": vs_lossless_text,
    }
    return environment.get_template("report.html.jinja")
