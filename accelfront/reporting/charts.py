"""The report's charts, as plotly figures.

Colours are those of Okabe and Ito, which the colour-blind tell apart, and no trace is known by its
colour alone: a stack has a colour and a shape, a scheduler its filling. Ink and grid are left to
the page, which is light or dark. plotly reads texts as a kind of HTML, so all that comes from a
database is escaped here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from accelfront.reporting.data import Comparison, Option, StudyReport
from accelfront.tables import searched_params
from storage.records import StudyRecord, TrialRecord

Figure = dict[str, Any]
"""What plotly.js draws: `data` and `layout`, of plain values."""

BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "#888888"

# Of stacks; the first is that of the unaccelerated pipeline.
COLOURS = (GREY, BLUE, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", VERMILLION, "#F0E442")
SYMBOLS = ("x", "circle", "square", "triangle-up", "diamond", "cross", "star", "hexagon")

# Of schedulers.
FILLINGS = ("", "-open", "-dot", "-open-dot")
DASHES = ("solid", "dash", "dot", "dashdot")

OUTLINE = {"color": "#333333", "width": 1}
"""Keeps light colours apart from white paper."""

HOVER = "%{hovertext}<extra></extra>"


def front_chart(report: StudyReport, anchor: str) -> Figure:
    """Speedup against CLIP loss, with intervals.

    Args:
        report: A study with at least one point.
        anchor: What the id of a front point's row in the page begins with.
    """
    study = report.record
    inside = [point.trial for point in report.front if point.inside]
    outside = [point.trial for point in report.front if not point.inside]
    front = [point.trial for point in report.front]
    figure = go.Figure()
    if report.dominated:
        figure.add_trace(
            _points(study, report.dominated, "dominated", GREY, "x-thin-open", opacity=0.45)
        )
    # Behind its points, and no legend of its own: they name it.
    figure.add_scatter(
        x=[trial.speedup for trial in front],
        y=[100 * trial.clip_loss for trial in front],
        mode="lines",
        line={"shape": "hv", "color": BLUE, "width": 1.5},
        hoverinfo="skip",
        showlegend=False,
    )
    if outside:
        name = "front, over the loss budget"
        figure.add_trace(_points(study, outside, name, VERMILLION, "square", anchor))
    if inside:
        figure.add_trace(_points(study, inside, "front", BLUE, "circle", anchor))
    figure.add_scatter(
        x=[1],
        y=[0],
        mode="markers",
        marker={"symbol": "star", "size": 12, "color": GREY, "line": OUTLINE},
        name="unaccelerated",
        hovertext=["Unaccelerated"],
        hovertemplate=HOVER,
    )
    figure.add_hline(
        y=100 * study.loss_budget,
        line={"dash": "dash", "width": 1.5, "color": VERMILLION},
        annotation={"text": f"loss budget {study.loss_budget:.1%}", "xanchor": "left", "x": 0},
    )
    return _finished(figure, "speedup", "CLIP loss, % (less is better)", x_suffix="x")


def hypervolume_chart(report: StudyReport) -> Figure:
    """The hypervolume after each measured point."""
    counts = list(range(1, len(report.hypervolumes) + 1))
    figure = go.Figure()
    figure.add_scatter(
        x=counts,
        y=report.hypervolumes,
        mode="lines+markers",
        line={"shape": "hv", "color": BLUE},
        marker={"color": BLUE, "size": 7},
        hovertext=[
            f"After {count} points (trial {trial.number}): {value:.4f}"
            for count, trial, value in zip(
                counts, report.record.trials, report.hypervolumes, strict=True
            )
        ],
        hovertemplate=HOVER,
        showlegend=False,
    )
    figure.update_xaxes(tickformat="d", range=[0.5, len(counts) + 0.5])
    figure.update_yaxes(rangemode="tozero")
    return _finished(figure, "points measured", "hypervolume")


def comparison_chart(comparison: Comparison) -> Figure:
    """Latency against CLIP score: each study's front, and the unaccelerated pipelines."""
    schedulers = list(dict.fromkeys(option.scheduler for option in comparison.options))
    stacks = sorted({option.methods for option in comparison.options} - {""})
    figure = go.Figure()
    for stack_number, stack in enumerate(["", *stacks]):
        for number, scheduler in enumerate(schedulers):
            options = [
                option
                for option in comparison.options
                if (option.methods, option.scheduler) == (stack, scheduler)
            ]
            if not options:
                continue
            trace = _options(options, f"{stack or 'unaccelerated'}, {scheduler}")
            filling = FILLINGS[number % len(FILLINGS)]
            trace.marker = {
                "symbol": SYMBOLS[stack_number % len(SYMBOLS)] + filling,
                "color": COLOURS[stack_number % len(COLOURS)],
                "size": 10,
                "line": OUTLINE | ({"width": 2} if "open" in filling else {}),
            }
            if not stack:
                _join(trace, options, DASHES[number % len(DASHES)])
            figure.add_trace(trace)
    return _finished(figure, "seconds a picture (less is better)", "CLIP score")


def _points(
    study: StudyRecord,
    trials: Sequence[TrialRecord],
    name: str,
    colour: str,
    symbol: str,
    anchor: str | None = None,
    opacity: float = 1.0,
) -> go.Scatter:
    """Points with their intervals; those with an anchor have a row in the page."""
    speedups = [trial.measurement["speedup_ci"] for trial in trials]
    losses = [[100 * end for end in trial.measurement["clip_loss_ci"]] for trial in trials]
    x, y = [trial.speedup for trial in trials], [100 * trial.clip_loss for trial in trials]
    return go.Scatter(
        x=x,
        y=y,
        error_x=_ends(x, speedups, colour),
        error_y=_ends(y, losses, colour),
        mode="markers",
        marker={"symbol": symbol, "size": 10, "color": colour, "line": OUTLINE},
        opacity=opacity,
        name=name,
        hovertext=[_told(study, trial) for trial in trials],
        customdata=[f"{anchor}-{trial.number}" for trial in trials] if anchor else None,
        hovertemplate=HOVER,
    )


def _ends(
    values: Sequence[float], intervals: Iterable[Sequence[float]], colour: str
) -> dict[str, Any]:
    pairs = list(zip(values, intervals, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        # A percentile interval may leave its figure out.
        "array": [max(0.0, high - value) for value, (_, high) in pairs],
        "arrayminus": [max(0.0, value - low) for value, (low, _) in pairs],
        "color": colour,
        "thickness": 1,
        "width": 3,
    }


def _told(study: StudyRecord, trial: TrialRecord) -> str:
    measured = trial.measurement
    (speed_low, speed_high), (loss_low, loss_high) = (
        measured["speedup_ci"],
        measured["clip_loss_ci"],
    )
    lines = [
        f"Trial {trial.number}",
        f"speedup {trial.speedup:.2f}x ({speed_low:.2f} to {speed_high:.2f})",
        f"CLIP loss {trial.clip_loss:.1%} ({loss_low:.1%} to {loss_high:.1%})",
        *searched_params(study, trial).split("\n"),
    ]
    return "<br>".join(map(escape, lines))


def _options(options: Sequence[Option], name: str) -> go.Scatter:
    return go.Scatter(
        x=[option.latency_s for option in options],
        y=[option.clip_score for option in options],
        mode="markers",
        name=escape(name),
        hovertext=[_option_told(option) for option in options],
        hovertemplate=HOVER,
    )


def _join(trace: go.Scatter, options: Sequence[Option], dash: str) -> None:
    """Join points that differ in their steps, and write these beside them."""
    trace.update(
        mode="lines+markers+text",
        line={"dash": dash, "color": GREY, "width": 1.5},
        text=[str(option.steps) for option in options],
        textposition="top center",
    )


def _option_told(option: Option) -> str:
    lines = [
        f"{option.methods or 'unaccelerated'}",
        f"{option.scheduler}, {option.steps} steps",
        *([] if option.trial is None else [f"trial {option.trial}"]),
        f"{option.latency_s:.3g} s a picture",
        f"CLIP score {option.clip_score:.4g}",
    ]
    return "<br>".join(map(escape, lines))


def _finished(figure: go.Figure, x_title: str, y_title: str, x_suffix: str = "") -> Figure:
    figure.update_layout(
        template="none",
        autosize=True,
        # Room for a legend of many entries.
        height=380 + 14 * len(figure.data),
        margin={"l": 60, "r": 16, "t": 16, "b": 50},
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
        hovermode="closest",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13},
    )
    axis = {"automargin": True, "zeroline": False, "showline": True, "ticks": "outside"}
    figure.update_xaxes(title=x_title, ticksuffix=x_suffix, **axis)
    figure.update_yaxes(title=y_title, **axis)
    # Through plotly's own encoder, which knows its objects. No screen shows a seventh digit.
    drawn: Figure = json.loads(
        figure.to_json(), parse_float=lambda text: float(f"{float(text):.6g}")
    )
    return drawn
