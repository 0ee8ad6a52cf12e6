"""The page of efficiency.py: the tables that people read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.search.replay import GOALS, MOST
from benchmarks.search.step_times import TIME_POINTS


def as_markdown(results: dict[str, Any]) -> str:
    """The tables that people read."""
    lines = [
        "# What a search costs",
        "",
        f"{results['date']}, {results['machine']}, optuna {results['optuna']}; "
        "`python -m benchmarks.search.efficiency`. Median evaluations (quartiles) until so much "
        f"of the hypervolume inside a loss budget of {results['loss_budget']:.0%} is found, the "
        f"bound within 1%, or 90% of its gain; `-`: not within {MOST}. Seconds: the median time of "
        "generating until 99%, baseline batches included."
        + (" Prompts are drawn anew with each seed." if results["redrawn"] else ""),
    ]
    for about in results["tables"]:
        lines += [
            "",
            f"## {about['table']}",
            "",
            f"{about['points']:,} points, {about['prompts']} prompts, {about['device']}, "
            f"{about['recorded']}; bound {about['bound']:.2f}x. " + _fit_words(about),
        ]
        if not any(row["table"] == about["table"] for row in results["searches"]):
            lines += ["", "No point is faster than the baseline inside the budget."]
            continue
        lines += [
            "",
            f"| sampler | seeds | {' | '.join(GOALS)} | seconds |",
            "|---|---|" + "---|" * (len(GOALS) + 1),
        ]
        fewest = " | ".join(str(about["fewest"].get(goal, 1)) for goal in GOALS)
        lines.append(f"| fewest possible | | {fewest} | |")
        for row in results["searches"]:
            if row["table"] == about["table"]:
                cells = " | ".join(_cell(row["evaluations"][goal]) for goal in GOALS)
                seconds = row["seconds"]["99%"][1]
                last = "-" if seconds is None else f"{seconds:.0f}"
                lines.append(f"| {row['way']} | {row['seeds']} | {cells} | {last} |")
    return "\n".join([*lines, *_time_lines(results["times"])]) + "\n"


def _fit_words(about: dict[str, Any]) -> str:
    fitted = about["fitted"]
    if not fitted:
        return ""
    return (
        f"Speedups are fitted to {fitted['points']} points timed on {fitted['device']} (median "
        f"error {fitted['error']:.1%}); noise {about['noise']:.1%}."
    )


def _time_lines(times: Sequence[dict[str, Any]]) -> list[str]:
    """What the model of time, from few points, makes of the others."""
    lines = [
        "",
        "## Speedup predicted from few points",
        "",
        "Error at all other timed points, their own noise included: median (95% of points within).",
        "",
        f"| timed | device | points | repeats | {' | '.join(f'from {n}' for n in TIME_POINTS)} |",
        "|---|---|---|---|" + "---|" * len(TIME_POINTS),
    ]
    for each in times:
        cells = []
        for count in TIME_POINTS:
            error = each["errors"].get(str(count))
            cells.append(f"{error[0]:.1%} ({error[1]:.1%})" if error else "-")
        lines.append(
            f"| {each['table']} | {each['device']} | {each['points']} | {each['repeats']} "
            f"| {' | '.join(cells)} |"
        )
    return lines


def _cell(quartiles: Sequence[float | None]) -> str:
    low, median, high = ("-" if each is None else f"{each:.0f}" for each in quartiles)
    return f"{median} ({low} to {high})"
