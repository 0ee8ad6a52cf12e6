"""The chart of a search's cost, from the figures that efficiency.py keeps.

    python -m benchmarks.search.chart

draws `benchmarks/results/search-efficiency.png` with the Chromium on the PATH: for each way to
search, the share of the true front that it holds after few points.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright

from benchmarks.search.efficiency_page import Measure
from benchmarks.shared.chromium import find_chromium
from benchmarks.shared.result_files import RESULTS

COLOURS = ("#56b4e9", "#0072b2", "#e69f00")
"""Colours of Okabe and Ito, which colour-blind people can distinguish."""

WIDTH, HEAD, ROW = 1000, 180, 70


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
    height = HEAD + ROW * len({each["way"] for each in results["searches"]})
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
    """A group of bars for each way: the share of the true front after each number of points."""
    figure = go.Figure()
    ways = list(dict.fromkeys(each["way"] for each in results["searches"]))
    for look, colour in zip(results["looks"], COLOURS, strict=False):
        shares = [
            Measure(
                (each for each in results["searches"] if each["way"] == way),
                partial(_share, str(look)),
            )
            for way in ways
        ]
        figure.add_bar(
            name=f"{look} points",
            orientation="h",
            y=ways,
            x=[share.mean for share in shares],
            error_x={"array": [share.error for share in shares]},
            marker_color=colour,
        )
    figure.update_layout(
        title="Share of the true front that a search of few points holds"
        f"<br><sup>{len(results['scenes'])} scenes that count alike, a truth of its own for every "
        f"search, told by {results['prompts']} prompts; whiskers: one standard error</sup>",
        width=WIDTH,
        height=height,
        template="plotly_white",
        xaxis={"tickformat": ".0%", "rangemode": "tozero"},
        yaxis={"autorange": "reversed"},
        legend={"orientation": "h", "yanchor": "top", "y": -0.05, "traceorder": "normal"},
    )
    return figure


def _share(look: str, search: dict[str, Any]) -> float | None:
    share: float | None = search["looks"][look]["share"]
    return share


if __name__ == "__main__":
    main()
