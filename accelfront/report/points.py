"""The points of studies as plain values, for the page's script to draw and judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from accelfront.report.comparing import Comparison
from accelfront.report.data import FrontPoint, StudyReport, kept_losses
from accelfront.screen.tables import searched_params, worst_text
from storage.records.budgets import MEMORY, figure, title
from storage.records.judgement import LEAST_SPEEDUP, SURE
from storage.records.record import rounded
from storage.records.study import Study
from storage.records.trial import Trial

SPEEDUP, LATENCY = "speedup", "latency_s"

Values = dict[str, Any]

Ends = list[float | None]


def study_values(report: StudyReport) -> Values:
    """A study's points, axes and budgets, for its interactive chart."""
    study = report.record
    commands = {point.trial.number: point for point in report.front}
    kept = _kept(study)
    return {
        "axes": {
            SPEEDUP: {"title": "speedup", "unit": "x"},
            LATENCY: {"title": "seconds a picture", "unit": "s"},
            **{name: {"title": title(name), "unit": _unit(name)} for name in kept},
        },
        "loss": kept[0],
        "python": report.python.rpartition("\n")[0] + f"\nstudies[{study.name!r}]",
        "budgets": study.budgets.limits(),
        "sure": SURE,
        "slowest": LEAST_SPEEDUP,
        "points": [
            {
                "number": trial.number,
                "figures": _figures(trial, kept),
                "params": searched_params(study, trial),
                "confirmed": trial.confirmed is not None,
                "disturbed": trial.was_disturbed,
                "worst": worst_text(trial),
                **_command(commands.get(trial.number)),
            }
            for trial in study.trials
        ],
        "volumes": [rounded(each) for each in report.hypervolumes],
    }


def comparison_values(
    comparison: Comparison, titles: Mapping[str, str], places: Mapping[str, int]
) -> Values:
    """Studies of one pipeline on one chart, each in ratios to its own baseline."""
    return {
        "loss": title(comparison.loss),
        "studies": [
            {
                "title": titles[study.name],
                "place": places[study.name],
                "points": [
                    {
                        "number": trial.number,
                        "x": _ends(trial.judged_speedup, trial.judged.speedup_ci),
                        "y": _loss(trial, comparison.loss),
                    }
                    for trial in study.front
                ],
                "answer": getattr(comparison.answers[study.name], "number", None),
                "fewer": [
                    {"words": each.words, "x": rounded(each.speedup), "y": rounded(each.loss)}
                    for each in comparison.fewer[study.name]
                ],
            }
            for study in comparison.studies
        ],
    }


def _kept(study: Study) -> list[str]:
    """The figures that may have a budget: the losses, and peak memory if it is known."""
    has_memory = any(trial.judged.peak_memory_mib is not None for trial in study.trials)
    return kept_losses(study, study.trials) + ([MEMORY] if has_memory else [])


def _unit(name: str) -> str:
    return "MiB" if name == MEMORY else "%"


def _figures(trial: Trial, kept: Iterable[str]) -> Values:
    """By name the judged value with the ends of its interval."""
    judged = trial.judged
    latency = judged.latency_ci_s or (judged.latency_s, judged.latency_s)
    known = {name: _loss(trial, name) for name in kept}
    return {
        SPEEDUP: _ends(trial.judged_speedup, judged.speedup_ci),
        LATENCY: _ends(judged.latency_s, latency),
        **{name: ends for name, ends in known.items() if ends is not None},
    }


def _loss(trial: Trial, name: str) -> Ends | None:
    found = figure(trial.judged, name)
    return None if found is None else _ends(found.value, (found.low, found.high))


def _ends(value: float, interval: tuple[float, float]) -> Ends:
    """A value and its interval; an unknown end is None."""
    return [rounded(value), *(rounded(end) if isfinite(end) else None for end in interval)]


def _command(point: FrontPoint | None) -> Values:
    """The fields that only a listed point has."""
    if point is None:
        return {}
    return {
        "listed": True,
        "role": point.role,
        "command": point.command,
        "why": point.why_no_command,
    }
