"""The report's charts, as what plotly.js draws.

They are written as plain values: plotly's own objects take ten seconds for a hundred studies.

Colours are those of Okabe and Ito, which the colour-blind tell apart, and no trace is known by its
colour alone: a stack has a colour and a shape, a scheduler its filling. Ink and grid are left to
the page, which is light or dark. plotly reads texts as a kind of HTML, so all that comes from a
database is escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from accelfront.report.comparing import Comparison, Option
from accelfront.report.data import StudyReport
from accelfront.screen.tables import searched_params
from storage.records.conclusions.words import share_text
from storage.records.study import Study
from storage.records.trial import Trial

Trace = dict[str, Any]

Figure = dict[str, Any]
"""`data`, which are traces, and `layout`."""

BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "#888888"

# Of stacks; the first is that of the unaccelerated pipeline.
COLOURS = (GREY, BLUE, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", VERMILLION, "#F0E442")
SYMBOLS = ("x", "circle", "square", "triangle-up", "diamond", "cross", "star", "hexagon")

# Of schedulers.
FILLINGS = ("", "-open", "-dot", "-open-dot")
DASHES = ("solid", "dash", "dot", "dashdot")

FEW = 12
"""Points that have a tick each; of more, plotly's own ticks are whole."""

MANY = 200
"""Points that hide each other unless they are smaller."""

OUTLINE = {"color": "#333333", "width": 1}
"""Keeps light colours apart from white paper."""


def front_chart(report: StudyReport, anchor: str) -> Figure:
    """Speedup against CLIP loss, with intervals, as the points are judged.

    Args:
        report: A study with at least one point.
        anchor: What the id of a front point's row in the page begins with.
    """
    study = report.record
    answer = report.found.answer
    chosen = [] if answer is None else [answer]
    others = [point for point in report.front if point.trial not in chosen]
    inside = [point.trial for point in others if point.inside]
    outside = [point.trial for point in others if not point.inside]
    front = [point.trial for point in report.front if point.on_front]
    # Behind its points, and no legend of its own: they name it.
    line = {
        "type": "scatter",
        "x": [_short(trial.judged_speedup) for trial in front],
        "y": [_short(100 * trial.judged_loss) for trial in front],
        "mode": "lines",
        "line": {"shape": "hv", "color": BLUE, "width": 1.5},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    plain = _marks([1], [0], ["Unaccelerated"]) | {
        "name": "unaccelerated",
        "marker": {"symbol": "star", "size": 12, "color": GREY, "line": OUTLINE},
    }
    traces = [
        _points(study, report.dominated, "dominated", GREY, "x-thin-open") | {"opacity": 0.45},
        line,
        _points(study, outside, "front, over the loss budget", VERMILLION, "square", anchor),
        _points(study, inside, "front", BLUE, "circle", anchor),
        _points(study, chosen, "answer", BLUE, "diamond", anchor),
        plain,
    ]
    budget = 100 * study.loss_budget
    figure = _figure(
        [trace for trace in traces if trace["x"]],
        {"title": {"text": "speedup"}, "ticksuffix": "x"},
        {"title": {"text": "CLIP loss, % (less is better)"}},
    )
    line_of_budget = {
        "type": "line",
        **{"xref": "paper", "x0": 0, "x1": 1, "y0": budget, "y1": budget},
        "line": {"dash": "dash", "width": 1.5, "color": VERMILLION},
    }
    label_of_budget = {
        "text": f"loss budget {study.budgets.loss_in_words}",
        **{"xref": "paper", "x": 0, "xanchor": "left", "y": budget, "yanchor": "bottom"},
        "showarrow": False,
    }
    figure["layout"] |= {"shapes": [line_of_budget], "annotations": [label_of_budget]}
    return figure


def hypervolume_chart(report: StudyReport) -> Figure:
    """The hypervolume after each measured point."""
    counts = list(range(1, len(report.hypervolumes) + 1))
    told = [
        f"{count} points, trial {trial.number}: {value:.4f}"
        for count, trial, value in zip(
            counts, report.record.trials, report.hypervolumes, strict=True
        )
    ]
    trace = _marks(counts, report.hypervolumes, told) | {
        "mode": "lines+markers",
        "line": {"shape": "hv", "color": BLUE},
        "marker": {"color": BLUE, "size": 7},
        "showlegend": False,
    }
    return _figure(
        [trace],
        {
            "title": {"text": "points measured"},
            "tickformat": "d",
            # Counts: of few points plotly would put ticks between them, and write each twice.
            **({"dtick": 1} if len(counts) <= FEW else {}),
            "range": [0.5, len(counts) + 0.5],
        },
        {"title": {"text": "hypervolume"}, "rangemode": "tozero"},
    )


def comparison_chart(comparison: Comparison) -> Figure:
    """Latency against CLIP score: each study's front, and the unaccelerated pipelines."""
    schedulers = list(dict.fromkeys(option.scheduler for option in comparison.options))
    stacks = sorted({option.methods for option in comparison.options} - {""})
    traces = []
    for stack_number, stack in enumerate(["", *stacks]):
        for number, scheduler in enumerate(schedulers):
            options = [
                option
                for option in comparison.options
                if (option.methods, option.scheduler) == (stack, scheduler)
            ]
            if not options:
                continue
            filling = FILLINGS[number % len(FILLINGS)]
            trace = _options(options) | {
                "name": escape(f"{stack or 'unaccelerated'}, {scheduler}"),
                "marker": {
                    "symbol": SYMBOLS[stack_number % len(SYMBOLS)] + filling,
                    "color": COLOURS[stack_number % len(COLOURS)],
                    "size": 10 if len(comparison.options) < MANY else 7,
                    "line": OUTLINE | ({"width": 2} if "open" in filling else {}),
                },
            }
            if not stack:
                trace |= _joined(options, DASHES[number % len(DASHES)])
            traces.append(trace)
    return _figure(
        traces,
        {"title": {"text": "seconds per picture (less is better)"}},
        {"title": {"text": "CLIP score"}},
    )


def _marks(x: Sequence[float], y: Sequence[float], told: Sequence[str]) -> Trace:
    """Points that say something when a mouse or an arrow key comes to them."""
    return {
        "type": "scatter",
        "x": [_short(value) for value in x],
        "y": [_short(value) for value in y],
        "mode": "markers",
        "hovertext": told,
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _points(
    study: Study,
    trials: Sequence[Trial],
    name: str,
    colour: str,
    symbol: str,
    anchor: str | None = None,
) -> Trace:
    """Points with their intervals; those with an anchor have a row in the page."""
    speedups = [trial.judged.speedup_ci for trial in trials]
    losses = [[100 * end for end in trial.judged.clip_loss_ci] for trial in trials]
    x = [trial.judged_speedup for trial in trials]
    y = [100 * trial.judged_loss for trial in trials]
    rows = {"customdata": [f"{anchor}-{trial.number}" for trial in trials]} if anchor else {}
    return _marks(x, y, [_told(study, trial) for trial in trials]) | {
        "error_x": _ends(x, speedups, colour),
        "error_y": _ends(y, losses, colour),
        "marker": {"symbol": symbol, "size": 10, "color": colour, "line": OUTLINE},
        "name": name,
        **rows,
    }


def _ends(
    values: Sequence[float], intervals: Iterable[Sequence[float]], colour: str
) -> dict[str, Any]:
    pairs = list(zip(values, intervals, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        # A percentile interval may leave its figure out.
        "array": [_short(max(0.0, high - value)) for value, (_, high) in pairs],
        "arrayminus": [_short(max(0.0, value - low)) for value, (low, _) in pairs],
        "color": colour,
        "thickness": 1,
        "width": 3,
    }


def _told(study: Study, trial: Trial) -> str:
    (speed_low, speed_high), (loss_low, loss_high) = (
        trial.judged.speedup_ci,
        trial.judged.clip_loss_ci,
    )
    lines = [
        f"Trial {trial.number}{'' if trial.confirmed is None else ', loss of both measurements'}",
        f"speedup {trial.judged_speedup:.2f}x ({speed_low:.2f} to {speed_high:.2f})",
        f"CLIP loss {trial.judged_loss:.1%} ({loss_low:.1%} to {loss_high:.1%})",
        f"inside the budgets with a chance of {share_text(trial.chance_inside(study.budgets))}",
        *searched_params(study, trial).split("\n"),
    ]
    return "\n".join(map(escape, lines))


def _options(options: Sequence[Option]) -> Trace:
    return _marks(
        [option.latency_s for option in options],
        [option.clip_score for option in options],
        [_option_told(option) for option in options],
    )


def _joined(options: Sequence[Option], dash: str) -> Trace:
    """What joins points that differ in their steps, and writes these beside them."""
    return {
        "mode": "lines+markers+text",
        "line": {"dash": dash, "color": GREY, "width": 1.5},
        "text": [str(option.steps) for option in options],
        "textposition": "top center",
    }


def _option_told(option: Option) -> str:
    lines = [
        f"{option.methods or 'unaccelerated'}",
        f"{option.scheduler}, {option.steps} steps",
        *([] if option.trial is None else [f"trial {option.trial}"]),
        f"{option.latency_s:.3g} s per picture",
        f"CLIP score {option.clip_score:.4g}",
    ]
    return "\n".join(map(escape, lines))


def _figure(traces: list[Trace], x_axis: dict[str, Any], y_axis: dict[str, Any]) -> Figure:
    axis = {"automargin": True, "zeroline": False, "showline": True, "ticks": "outside"}
    layout = {
        "autosize": True,
        # Room for a legend of many entries.
        "height": 380 + 14 * len(traces),
        "margin": {"l": 60, "r": 16, "t": 16, "b": 50},
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
        "hovermode": "closest",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "xaxis": axis | x_axis,
        "yaxis": axis | y_axis,
    }
    return {"data": traces, "layout": layout}


def _short(value: float) -> float:
    """No screen shows a sixth digit."""
    return float(f"{value:.5g}")
