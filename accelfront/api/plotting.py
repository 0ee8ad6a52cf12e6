"""A study's front as a plotly figure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects

from accelfront.screen.tables import searched_params
from storage.records.budgets import Figure
from storage.records.conclusions.words import loss_words, share_text
from storage.records.study import Study
from storage.records.trial import Trial

BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "#888888"
"""Colours of Okabe and Ito, which colour-blind people can distinguish; shapes differ as well."""


def front_figure(study: Study) -> plotly.graph_objects.Figure:
    """Draw speedup against loss with intervals, as the points are judged.

    Args:
        study: A study with at least one point.
    """
    front, answer = study.front, study.answer
    listed = {trial.number for trial in study.listed}
    chosen = [] if answer is None else [answer]
    others = [trial for trial in front if trial not in chosen]
    kinds = {
        "dominated": ([t for t in study.trials if t.number not in listed], GREY, "x-thin-open"),
        "front, over the loss budget": (
            [trial for trial in others if trial.judged_loss > study.loss_budget],
            VERMILLION,
            "square",
        ),
        "front": ([t for t in others if t.judged_loss <= study.loss_budget], BLUE, "circle"),
        "answer": (chosen, BLUE, "diamond"),
    }
    line = {
        "type": "scatter",
        "x": [trial.judged_speedup for trial in front],
        "y": [100 * trial.judged_loss for trial in front],
        "mode": "lines",
        "line": {"shape": "hv", "color": BLUE, "width": 1.5},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    plain = {
        **{"type": "scatter", "x": [1], "y": [0], "mode": "markers", "name": "unaccelerated"},
        "marker": {"symbol": "star", "size": 12, "color": GREY},
    }
    marks = [_marks(study, name, *kind) for name, kind in kinds.items() if kind[0]]
    return plotly.graph_objects.Figure(data=[line, *marks, plain], layout=_layout(study))


def _marks(
    study: Study, name: str, trials: Sequence[Trial], colour: str, symbol: str
) -> dict[str, Any]:
    """Points with their intervals."""
    losses = [trial.lost(trial.judged) for trial in trials]
    speedups = [Figure(trial.judged_speedup, *trial.judged.speedup_ci) for trial in trials]
    return {
        **{"type": "scatter", "mode": "markers", "name": name},
        "x": [each.value for each in speedups],
        "y": [100 * each.value for each in losses],
        "error_x": _ends(speedups, 1, colour),
        "error_y": _ends(losses, 100, colour),
        "marker": {"symbol": symbol, "size": 10, "color": colour},
        "hovertext": [_told(study, trial) for trial in trials],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _ends(figures: Sequence[Figure], scale: int, colour: str) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        # A percentile interval may leave its figure out.
        "array": [scale * max(0.0, each.high - each.value) for each in figures],
        "arrayminus": [scale * max(0.0, each.value - each.low) for each in figures],
        **{"color": colour, "thickness": 1, "width": 3},
    }


def _told(study: Study, trial: Trial) -> str:
    """The text of a point; plotly reads it as a kind of HTML."""
    (slow, fast), loss = trial.judged.speedup_ci, trial.lost(trial.judged)
    lines = [
        f"Trial {trial.number}{'' if trial.confirmed is None else ', loss of both measurements'}",
        f"speedup {trial.judged_speedup:.2f}x ({slow:.2f} to {fast:.2f})",
        f"loss {loss_words(loss)}",
        f"inside the budgets with a chance of {share_text(trial.chance_inside(study.budgets))}",
        *searched_params(study, trial).split("\n"),
    ]
    return "<br>".join(map(escape, lines))


def _layout(study: Study) -> dict[str, Any]:
    budget = 100 * study.loss_budget
    ends = {"xref": "paper", "x0": 0, "x1": 1, "y0": budget, "y1": budget}
    dashed = {"dash": "dash", "width": 1.5, "color": VERMILLION}
    place = {"xref": "paper", "x": 0, "xanchor": "left", "y": budget, "yanchor": "bottom"}
    label = {"text": f"loss budget {study.budgets.loss_in_words}", "showarrow": False}
    return {
        "xaxis": {"title": {"text": "speedup"}, "ticksuffix": "x"},
        "yaxis": {"title": {"text": "loss, % (less is better)"}},
        "hovermode": "closest",
        "shapes": [{"type": "line", **ends, "line": dashed}],
        "annotations": [{**place, **label}],
    }
