"""The report of many studies in a real Chromium with the network cut, on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accelfront.report.page import render_page
from tests.accelfront.report.browser_pages import PHONE, a_study, opened
from tests.made_reports import made_study, made_trial

pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of three studies, one of them without points."""
    lossless = made_trial(0, 1.3, 0.01, baseline_s=0.6, lossy_methods=[], warmup_s=41.5)
    studies = [
        a_study(),
        made_study([lossless, made_trial(1, 1.9, 0.001)], steps=12),
        made_study([], methods=("tome",)),
    ]
    path = tmp_path_factory.mktemp("report") / "many.html"
    path.write_text(render_page(studies, {}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def overview(browser: Browser, many: Path) -> Iterator[Page]:
    """The report of three studies, on a phone."""
    yield from opened(browser, many, PHONE)


def test_many_studies_are_sought_and_sorted_and_open_on_demand(overview: Page) -> None:
    page = overview
    assert page.locator("h1").inner_text() == "3 studies"
    assert "2 of them have an answer" in page.locator(".lead").inner_text()
    rows = page.locator(".overview tbody tr")
    page.get_by_label("Sort by").select_option("speedup")
    assert [row.split("\n")[0] for row in rows.all_inner_texts()] == [
        f"tiny-shapes, DDIM, {rest}"
        for rest in ("12 steps, deepcache", "20 steps, deepcache", "20 steps, tome")
    ]
    page.get_by_label("Search").fill("TOME 20")
    assert page.locator(".overview tbody tr:visible").count() == 1
    assert page.locator("#sieved").inner_text() == "1 of 3 studies"
    page.get_by_label("Search").fill("")
    assert page.locator("details.study:visible").count() == 0
    rows.nth(0).get_by_role("link").click()
    assert page.locator("details.study:visible h2").all_inner_texts() == [
        "tiny-shapes, DDIM, 12 steps, deepcache"
    ]
    page.locator("#study-2 .explorer .point").first.wait_for()
    page.locator("#study-2").get_by_role("link", name="all studies").click()
    assert page.evaluate("scrollY") < 200


def test_studies_are_over_each_other_beside_fewer_steps(overview: Page) -> None:
    page, chart = overview, overview.locator(".comparison")
    page.evaluate("document.querySelector('.comparison-fold').open = true")
    chart.locator(".point").first.wait_for()
    assert chart.get_by_label("Study").locator("option").count() == 2
    assert chart.locator(".rival-line").count() == 0, "of 12 steps there are no fewer"
    chart.get_by_label("Study").select_option("tiny-shapes, DDIM, 20 steps, deepcache")
    assert chart.locator(".rival-line").count() == 1
    chart.locator(".point.plain").focus()
    assert chart.locator(".asked").inner_text().startswith(
        "Fewer steps, 12 of 20 steps, by their count: speedup 1.67x, CLIP loss 0.0%"
    )  # fmt: skip
    page.keyboard.press("Home")
    assert "trial 0: speedup 1.20x" in chart.locator(".asked").inner_text()
