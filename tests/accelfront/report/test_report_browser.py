"""The report of one study in a real Chromium with the network cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accelfront.report.page import render_page
from tests.accelfront.report.browser_pages import DESK, PHONE, a_grid, a_study, opened
from tests.accelfront.report.pages import ATTACK

pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of one study, with pictures and an attack."""
    study = a_study()
    path = tmp_path_factory.mktemp("report") / "one.html"
    pictures = {(study.name, 2): a_grid(), (study.name, 0): a_grid()}
    path.write_text(render_page([study], pictures), encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=[PHONE, DESK])
def page(browser: Browser, one: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The report of one study."""
    yield from opened(browser, one, request.param)


SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => list.getEntries().forEach((each) => {
  window.shifts += each.value;
})).observe({ type: "layout-shift", buffered: true });
"""


def point(page: Page, number: int) -> Locator:
    return page.locator(f".explorer .point[data-id='{number}']")


def budget(page: Page) -> Locator:
    return page.locator(".explorer").get_by_role("slider", name="Budget of CLIP loss")


def test_the_first_screen_answers(page: Page) -> None:
    first = page.locator(".first")
    assert page.locator("h1").inner_text() == "Use trial 2: 1.48x as fast"
    told = " ".join(first.inner_text().split())
    assert "CLIP loss 0.8% 0.5 to 1.1% worst 5% 31.0%" in told
    assert "confirmed on unseen prompts" in told
    words = first.locator(".pair-words").all_inner_texts()
    assert words == ["prompt 6\nloss 31.0%", "prompt 1\nloss 2.0%"], "the worst one first"
    box = first.locator(".pair-picture").first.bounding_box()
    assert box is not None and box["width"] > 150
    if page.viewport_size == {"width": DESK, "height": 800}:
        take = first.locator(".take").bounding_box()
        assert take is not None and take["y"] + take["height"] < 800, "without scrolling"


def test_what_to_take_away_is_copied(page: Page) -> None:
    for label, begins in (
        ("Copy: Write a script of it", "accelfront generate 'tiny-shapes, DDIM, 20 steps, "),
        ("Copy: Use it in Python", "import accelfront\nstudies = {it.name: it for it in"),
    ):
        button = page.locator(".first").get_by_role("button", name=label)
        button.click()
        page.wait_for_function(
            "begins => navigator.clipboard.readText().then(text => text.startsWith(begins))",
            arg=begins,
        )
        assert button.inner_text() == "Copied"


def test_a_point_that_is_focused_hovered_or_pressed_is_told_beside(page: Page) -> None:
    panel = page.locator(".panel")
    point(page, 2).focus()
    said = []
    for key in ("Home", *["ArrowRight"] * 6):
        page.keyboard.press(key)
        said.append(panel.locator(".panel-title").inner_text().split(" ")[1])
    # The pipeline alone, then trials by speedup; the last stays.
    assert said == ["pipeline", "1", "0", "2", "4", "3", "3"]
    page.keyboard.press("ArrowLeft")
    assert ATTACK in panel.inner_text()
    assert page.title() == "accelfront report: 1 study"
    assert "No pictures" in panel.inner_text()
    point(page, 0).locator(".shape").hover(force=True)
    assert panel.locator(".panel-title").inner_text() == "Trial 0"
    panel.locator(".pair-stage").first.wait_for()
    page.mouse.move(0, 0)
    assert panel.locator(".panel-title").inner_text().startswith("Trial 4"), "a look passes"
    point(page, 2).locator(".shape").click(force=True)
    told = " ".join(panel.inner_text().split())
    assert told.startswith("Trial 2 answer, confirmed on unseen prompts")
    for fact in (
        "1.48x (1.43x to 1.53x)",
        "SSIM loss 10.0% (",
        "31.0%",
        "cache_interval=4",
    ):
        assert fact in told
    assert panel.get_by_role("button", name="Copy: Write a script of it").count() == 1


def test_the_table_leads_to_the_chart(page: Page) -> None:
    page.locator("table.front").get_by_role("link", name="3", exact=True).click()
    assert page.locator(".panel-title").inner_text().startswith("Trial 3")
    assert page.evaluate("document.activeElement.dataset.id") == "3"
    assert page.locator(".panel").is_visible()


def test_the_tab_key_goes_through_the_page_in_order(page: Page) -> None:
    page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)")
    name = """() => {
      const each = document.activeElement;
      return each.getAttribute("aria-label") ?? each.textContent.trim().split("\\n")[0];
    }"""
    seen: list[str] = []
    page.locator(".first .pair-modes button").first.focus()
    for _ in range(14):
        seen.append(page.evaluate(name))
        page.keyboard.press("Tab")
    take = ["Copy: Write a script of it", "Copy: Use it in Python"]
    modes = ["Side by side", "Flip", "Wipe", "Difference"]
    pictures = [*modes, "Enlarge prompt 6", "Enlarge prompt 1"]
    assert seen[:8] == [*pictures, *take]
    assert seen[8].startswith("Front")
    assert seen[11] == "Budget of CLIP loss"
    assert seen[12].startswith("Trial 3: speedup 2.00x"), "one point, from which arrow keys go on"
    assert seen[13] == take[0], "of that point"


def test_a_budget_is_asked_for_by_keys(page: Page) -> None:
    said, line = page.locator(".explorer .asked"), budget(page)
    assert said.inner_text().startswith("With CLIP loss at most 2%: trial 2, 1.48x")
    line.focus()
    for _ in range(14):
        page.keyboard.press("ArrowDown")
    assert line.get_attribute("aria-valuetext") == "CLIP loss at most 0.6%"
    assert "no point is sure to be inside" in said.inner_text()
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    assert said.inner_text().startswith("With CLIP loss at most 3.6%: trial 4, 1.70x")
    assert 'best(budget={"clip_loss": 0.036})' in page.locator(".explorer").inner_text()
    assert "answer" in (point(page, 4).get_attribute("class") or "")
    page.get_by_role("button", name="Back to the study's budgets").click()
    assert said.inner_text().startswith("With CLIP loss at most 2%: trial 2")


def test_a_budget_is_dragged(page: Page) -> None:
    line, said = budget(page), page.locator(".explorer .asked")
    line.scroll_into_view_if_needed()
    handle, target = line.locator(".limit-handle").bounding_box(), point(page, 3)
    shape = target.locator(".shape").bounding_box()
    assert handle is not None and shape is not None
    x = handle["x"] + handle["width"] / 2
    page.mouse.move(x, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(x, shape["y"] + shape["height"] / 2 - 3, steps=4)
    page.mouse.up()
    assert "The bolder point: trial 3, 2.00x" in said.inner_text()
    assert re.search(r"point: trial 3, .*; chance inside [0-9]+%\.$", said.inner_text())
    page.get_by_role("button", name="Back to the study's budgets").click()


def test_the_page_judges_as_accelfront_does(page: Page) -> None:
    study = a_study()
    judged = page.evaluate(
        """async losses => {
          const packed = Uint8Array.from(atob(document.getElementById("values").textContent),
            (each) => each.charCodeAt(0));
          const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
          const values = JSON.parse(await new Response(stream).text()).studies["study-1"];
          return losses.map((most) => {
            const { answer, bolder } = judging.judge(values, { clip_loss: most });
            const chances = values.points.map((each) =>
              judging.chanceInside(each, { clip_loss: most }));
            return [answer?.number ?? null, bolder?.number ?? null, chances];
          });
        }""",
        losses := [-0.02, 0, 0.006, 0.011, 0.015, 0.02, 0.03, 0.045, 0.08],
    )
    for most, (answer, bolder, chances) in zip(losses, judged, strict=True):
        asked = study.under(study.budgets.with_loss(most))
        found = asked.conclusion
        numbers = [None if each is None else each.number for each in (found.answer, found.bolder)]
        assert [answer, bolder] == numbers, most
        exact = [trial.chance_inside(asked.budgets) for trial in study.trials]
        assert chances == pytest.approx(exact, abs=1e-5)


def test_the_axes_choose_among_the_metrics_that_are_kept(page: Page) -> None:
    up = page.get_by_role("combobox", name="Up", exact=True)
    titles = up.locator("option").all_inner_texts()
    assert titles == ["speedup", "seconds a picture", "CLIP loss", "SSIM loss"]
    up.select_option("SSIM loss")
    assert page.locator(".explorer .scatter .point:not(.plain)").count() == 1
    line = page.get_by_role("slider", name="Budget of SSIM loss")
    assert line.get_attribute("aria-valuetext") == "no budget of SSIM loss: drag"
    line.focus()
    page.keyboard.press("ArrowDown")
    assert "SSIM loss at most" in page.locator(".explorer .asked").inner_text()
    page.get_by_role("button", name="Back to the study's budgets").click()
    up.select_option("CLIP loss")


def test_the_page_is_no_wider_than_the_screen(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    page.locator(".growth").scroll_into_view_if_needed()
    page.locator(".growth .point").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_against_accessibility(page: Page, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    found = Axe().run(page).response
    assert len(found["passes"]) > 20
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []


def test_a_finger_drags_a_budget_and_nothing_moves_meanwhile(browser: Browser, one: Path) -> None:
    context = browser.new_context(
        viewport={"width": PHONE, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.add_init_script(SHIFTS)
    page.goto(one.as_uri())
    line = budget(page).locator(".limit-handle")
    line.scroll_into_view_if_needed()
    box, before = line.bounding_box(), page.evaluate("scrollY")
    assert box is not None
    finger = context.new_cdp_session(page)
    for kind, up in (("Start", 0), ("Move", 12), ("Move", 24), ("Move", 36), ("End", 0)):
        points = [] if kind == "End" else [{"x": box["x"] + 4, "y": box["y"] + 8 - up}]
        finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    page.get_by_text("CLIP loss at most 2%:").wait_for(state="detached")
    assert page.evaluate("scrollY") == before
    # Below 0.1 a page counts as steady (https://web.dev/articles/cls).
    assert page.evaluate("shifts") < 0.05
    context.close()


def test_a_browser_that_cannot_unpack_the_charts_says_so(browser: Browser, one: Path) -> None:
    page = browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(one.as_uri())
    page.get_by_text("This browser is too old for the charts").wait_for()
    assert page.locator("table.front").first.is_visible()
    page.close()


def test_without_javascript_the_page_answers_and_shows_its_pictures(
    browser: Browser, one: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(one.as_uri())
    assert page.locator(".first .pair-sheet").is_visible()
    assert page.locator("table.front").is_visible()
    assert page.get_by_role("button").count() == 0, "none that does nothing"
    context.close()


def test_all_that_is_folded_is_there_in_print(browser: Browser, one: Path) -> None:
    page = browser.new_page(viewport={"width": DESK, "height": 300})
    page.goto(one.as_uri())
    page.locator(".explorer .point").first.wait_for(state="attached")
    assert page.locator(".growth .point").count() == 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".growth .point").count() == 5
    page.emulate_media(media="print")
    assert page.get_by_text("A/A noise").is_visible()
    assert page.locator(".first canvas").first.is_visible()
    assert page.get_by_role("button", name="Copy").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.get_by_text("A/A noise").is_visible()
    page.close()
