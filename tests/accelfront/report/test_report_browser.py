"""The report's page in a real Chromium with the network cut; skipped where none is installed."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from accelfront.report.page import render_page
from tests.accelfront.report.pages import ATTACK
from tests.made_records import changed
from tests.made_reports import made_study, made_trial

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two studies with points, one with pictures and an attack, and of one without."""
    lossless = made_trial(0, 1.3, 0.01, baseline_s=0.6, lossy_methods=[], warmup_s=41.5)
    trials = [
        made_trial(0, 1.2, 0.0),
        made_trial(1, 1.1, 0.01),
        made_trial(2, 1.5, 0.01),
        made_trial(3, 2.0, 0.05),
        changed(made_trial(4, 1.7, 0.015), params={ATTACK: 1}),
    ]
    studies = [
        made_study(trials),
        made_study([lossless], scheduler="UniPC", steps=12),
        made_study([], methods=("tome",)),
    ]
    picture = BytesIO()
    Image.new("RGB", (64, 32), "teal").save(picture, "WEBP")
    path = tmp_path_factory.mktemp("report") / "report.html"
    page = render_page(studies, {(studies[0].name, 0): picture.getvalue()})
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=[PHONE, DESK])
def page(browser: Browser, file: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page with all its charts drawn; what it complains of or asks for fails the last test."""
    context = browser.new_context(viewport={"width": request.param, "height": 800}, offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url))
    page.goto(file.as_uri())
    for chart in page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
        chart.locator(".points path").first.wait_for()
    yield page
    context.close()
    assert [said for said in complaints if not said.startswith("data:")] == [file.as_uri()]


def test_charts_are_drawn_with_a_mark_for_each_point(page: Page) -> None:
    marks = [chart.locator(".points path").count() for chart in page.locator(".chart").all()]
    # Comparison: two baselines and five front points; then front and search of each study, the
    # front beside the unaccelerated pipeline.
    assert marks == [2 + 5, 5 + 1, 5, 1 + 1, 1]
    front = page.locator("#study-1-front")
    assert front.locator(".errorbar").count() == 5
    assert "loss budget 2%" in front.inner_text()


def test_the_page_is_no_wider_than_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_against_accessibility(page: Page, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    found = Axe().run(page).response
    assert len(found["passes"]) > 20
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []


def test_arrow_keys_tell_each_point_and_show_its_pictures(page: Page) -> None:
    page.locator("#study-1-front").focus()
    told = page.locator("#study-1-front-told")
    said = []
    # The unaccelerated pipeline, then trials by speedup; the last stays.
    for _ in range(7):
        page.keyboard.press("ArrowRight")
        said.append(told.inner_text().split("\n")[0])
        assert told.locator("img").count() == (said[-1] == "Trial 0")
    assert said == ["Unaccelerated", *(f"Trial {n}" for n in (1, 0, 2, 4, 3, 3))]
    page.keyboard.press("ArrowLeft")
    assert ATTACK in told.inner_text()
    assert page.title() == "accelfront report: 3 studies"


def test_pictures_open_on_a_click_and_on_enter(page: Page) -> None:
    small = page.locator(".enlarge")
    assert small.count() == 1
    large = page.locator("#enlarged img")
    small.click()
    large.wait_for()
    width, least = (box["width"] for box in (large.bounding_box(), small.bounding_box()) if box)
    assert width > least
    large.click()
    large.wait_for(state="hidden")
    small.focus()
    page.keyboard.press("Enter")
    large.wait_for()
    page.keyboard.press("Escape")
    large.wait_for(state="hidden")


def test_hovering_tells_of_a_point(page: Page) -> None:
    marks = page.locator("#study-2-front .points path")
    marks.first.scroll_into_view_if_needed()
    marks.first.hover(force=True)
    page.locator("#study-2-front .hovertext").wait_for()
    assert "cache_interval=2" in page.locator("#study-2-front-told").inner_text()


def test_a_browser_that_cannot_unpack_the_charts_says_so(browser: Browser, file: Path) -> None:
    page = browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(file.as_uri())
    page.get_by_text("This browser is too old for the charts").wait_for()
    assert page.locator("table.front").first.is_visible()
    page.close()


def test_all_charts_are_there_in_print(browser: Browser, file: Path) -> None:
    page = browser.new_page(viewport={"width": DESK, "height": 300})
    page.goto(file.as_uri())
    # What draws them comes packed: the first chart shows that it is there.
    page.locator(".points").first.wait_for(state="attached")
    assert page.locator("#study-2-search .points").count() == 0
    page.pdf(format="A4")
    assert page.locator("#study-2-search .points").count() == 1
    page.close()
