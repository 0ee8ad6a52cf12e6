"""The chart of what a search costs, from the figures that efficiency.py keeps.

    python -m benchmarks.search.chart

draws `benchmarks/results/search-efficiency.png` with the Chromium on the PATH: for each table the
share of its points that each sampler evaluates until it has 99% of the hypervolume.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright

from benchmarks.search.replay import MOST
from benchmarks.shared.chromium import find_chromium
from benchmarks.shared.result_files import RESULTS

COLOURS = ("#0072b2", "#56b4e9", "#e69f00", "#cc79a7", "#009e73", "#999999")
"""Okabe and Ito's, which colour-blind people tell apart."""

WIDTH, HEAD, ROW = 1100, 200, 150


def main() -> None:
    """Draw the chart."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--results", type=Path, default=RESULTS / "search-efficiency.json")
    options = parser.parse_args()
    if not options.results.is_file():
        parser.error(f"there is no {options.results}; efficiency.py makes it")
    results = json.loads(options.results.read_text(encoding="utf-8"))
    chromium = find_chromium()
    if chromium is None:
        parser.error("needs Chromium on the PATH")
    height = HEAD + ROW * len({row["table"] for row in results["searches"]})
    figure = draw(results, height)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder, "chart.html")
        figure.write_html(page_file, include_plotlyjs=True, full_html=True)
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport={"width": WIDTH, "height": height})
        page.goto(page_file.as_uri())
        page.locator(".points path, .point path").first.wait_for()
        page.screenshot(path=options.results.with_suffix(".png"))
        browser.close()


def draw(results: dict[str, Any], height: int) -> go.Figure:
    """A group of bars for each table: medians, with quartiles as whiskers."""
    points = {about["table"]: about["points"] for about in results["tables"]}
    labels = {table: f"{table}<br>{count:,} points" for table, count in points.items()}
    ways = [
        way for way in dict.fromkeys(row["way"] for row in results["searches"]) if "," not in way
    ]
    figure = go.Figure()
    for way, colour in zip(ways, COLOURS, strict=False):
        rows = {row["table"]: row for row in results["searches"] if row["way"] == way}
        bars = {
            table: [each / count if each else None for each in rows[table]["evaluations"]["99%"]]
            for table, count in points.items()
            if table in rows
        }
        figure.add_bar(
            name=way,
            orientation="h",
            y=[labels[table] for table in bars],
            x=[median for _, median, _ in bars.values()],
            error_x={
                "symmetric": False,
                "array": [(high or mid or 0) - (mid or 0) for _, mid, high in bars.values()],
                "arrayminus": [(mid or 0) - (low or 0) for low, mid, _ in bars.values()],
            },
            marker_color=colour,
        )
    figure.update_layout(
        title="Evaluations until 99% of the hypervolume inside the loss budget, of recorded points"
        f"<br><sup>no bar: not within {MOST} evaluations, or not tried</sup>",
        width=WIDTH,
        height=height,
        template="plotly_white",
        xaxis={"tickformat": ".0%", "rangemode": "tozero"},
        yaxis={"autorange": "reversed"},
        legend={"orientation": "h", "yanchor": "top", "y": -0.05, "traceorder": "normal"},
    )
    return figure


if __name__ == "__main__":
    main()
