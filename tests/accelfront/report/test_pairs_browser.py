"""The viewer of picture pairs in a real Chromium, on a page of its own."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import pytest
import torch

from accelfront.report.page import TEMPLATES
from objectives.quality.picture_grid import PictureGrid
from tests.accelfront.report.pages import ATTACK

pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGE = """
{% from "pairs.html.jinja" import pairs_of_pictures, pairs_of_sheets %}
<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>pairs</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{% include "base.css" %}{% include "pairs.css" %}</style></head><body><main><h1>pairs</h1>
<div id="one">{{ pairs_of_sheets([grid], aspect, notes) }}</div>
<div id="two">{{ pairs_of_sheets([grid | row(0), grid | row(0)], aspect, [], ("A", "B")) }}</div>
<div id="single">{{ pairs_of_pictures([pair], 1.0) }}</div>
</main><script>{% include "pairs.js" %} pairViewer.watch();</script></body></html>
"""

COUNT, HEIGHT, WIDTH = 3, 32, 64

NOTES = [("a red circle", "loss 30%"), (ATTACK, "loss 2%")]

WORDS = {"caption": "colours", "figures": ""}

PIXEL = """
(canvas, share) => [...canvas.getContext('2d').getImageData(
  Math.round(share * (canvas.width - 1)), canvas.height / 2, 1, 1).data].slice(0, 3)
"""


def picture(colour: str) -> str:
    """The address of a picture of one colour."""
    from PIL import Image

    file = BytesIO()
    Image.new("RGB", (20, 20), colour).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def a_grid() -> bytes:
    """A trial's grid: grey pictures, of which the accelerated have a black right half."""
    plain = torch.full((COUNT, 3, HEIGHT, WIDTH), 0.5)
    fast = plain.clone()
    fast[:, :, :, WIDTH // 2 :] = 0
    grid = PictureGrid()
    grid.add(range(COUNT), plain, fast)
    drawn = grid.webp()
    assert drawn is not None
    return drawn


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page with three sets of pairs; what it complains of fails the last test."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, autoescape=True
    )
    environment.filters["row"] = lambda sheet, row: {**sheet, "row": row}
    source = f"data:image/webp;base64,{base64.b64encode(a_grid()).decode()}"
    html = environment.from_string(PAGE).render(
        grid={"src": source, "columns": COUNT, "row": None},
        aspect=WIDTH / HEIGHT,
        notes=NOTES,
        pair={"before": picture("#ff0000"), "after": picture("#ff6400"), **WORDS},
    )
    path = Path(tmp_path_factory.mktemp("pairs"), "pairs.html")
    path.write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 1000, "height": 2000})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    page.locator("#single .pair-tools").wait_for()
    yield page
    assert page.title() == "pairs"
    page.close()
    assert complaints == []


def press(page: Page, where: str, mode: str) -> None:
    page.locator(where).get_by_role("button", name=mode, exact=True).click()


def test_a_sheet_becomes_pairs_of_its_pictures_and_their_words(page: Page) -> None:
    figures = page.locator("#one .pair")
    assert figures.count() == COUNT
    assert figures.locator(".pair-words").all_inner_texts() == [
        *("\n".join(note) for note in NOTES),
        "pair 3",
    ]
    for number in range(COUNT):
        before = figures.nth(number).locator(".pair-before canvas")
        after = figures.nth(number).locator(".pair-after canvas")
        # Nothing of the white gaps at either end.
        grey = [before.evaluate(PIXEL, share) for share in (0, 1)] + [after.evaluate(PIXEL, 0)]
        assert all(abs(value - 128) < 8 for pixel in grey for value in pixel)
        assert max(after.evaluate(PIXEL, 1)) < 8
    box = figures.first.locator(".pair-before").bounding_box()
    assert box is not None and box["width"] / box["height"] == pytest.approx(2, rel=0.01)
    labels = page.locator("#two .pair").first.locator(".pair-label").all_inner_texts()
    assert labels[:2] == ["A", "B"]


def test_flipping_shows_one_side_and_then_the_other(page: Page) -> None:
    before, after = (page.locator(f"#one .pair-{side}").first for side in ("before", "after"))
    press(page, "#one", "Flip")
    told = page.locator("#one .pair-told")
    for flip in (
        lambda: None,
        lambda: press(page, "#one", "Flip"),
        lambda: page.keyboard.press("f"),
        lambda: page.locator("#one .pair-stage").first.click(),
        lambda: page.keyboard.press("f"),
    ):
        flip()
        shown = [before.is_visible(), after.is_visible()]
        assert told.inner_text() == f"{['accelerated', 'baseline'][shown[0]]} shown"
        assert sum(shown) == 1
    assert after.is_hidden(), "five presses began with the baseline and ended with it"
    press(page, "#one", "Side by side")
    assert before.is_visible() and after.is_visible() and told.inner_text() == ""


def test_a_wipe_follows_the_pointer_and_the_arrow_keys(page: Page) -> None:
    press(page, "#one", "Wipe")
    stage, after = page.locator("#one .pair-stage").first, page.locator("#one .pair-after").first
    box = stage.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.8 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], middle)
    page.mouse.up()
    clip = "each => getComputedStyle(each).clipPath"
    assert after.evaluate(clip) == "inset(0px 0px 0px 25%)"
    wipe = page.get_by_label("Wipe from accelerated to baseline").first
    wipe.focus()
    page.keyboard.press("ArrowRight")
    assert after.evaluate(clip) == "inset(0px 0px 0px 26%)"
    assert page.locator("dialog").count() == 0
    page.keyboard.press("s")


def test_a_difference_map_shows_where_and_tells_how_much(page: Page) -> None:
    page.locator("#one").get_by_role("button", name="Difference").focus()
    page.keyboard.press("d")
    told = page.locator("#one .pair-measured").first
    told.get_by_text("of the pixels differ").wait_for()
    share = float(told.inner_text().split("%")[0])
    assert share == pytest.approx(50, abs=2)
    drawn = page.locator("#one .pair-difference canvas").first
    assert max(drawn.evaluate(PIXEL, 0.1)) < 30 and min(drawn.evaluate(PIXEL, 0.9)) > 220
    # 100 of 255 in one colour.
    press(page, "#single", "Difference")
    told = page.locator("#single .pair-measured")
    told.get_by_text("100.0% of the pixels differ by more than 10 of 255, 100.0 at").wait_for()
    press(page, "#one", "Side by side")


def test_a_pair_is_enlarged_and_the_arrow_keys_go_to_the_next(page: Page) -> None:
    small = page.locator("#one .pair-picture").first.bounding_box()
    page.locator("#one .pair-stage").nth(1).click()
    dialog = page.get_by_role("dialog", name="Pair of pictures")
    assert "2 of 3" in dialog.inner_text() and NOTES[1][0] in dialog.inner_text()
    large = dialog.locator(".pair-picture").first.bounding_box()
    assert small and large and large["width"] > 1.4 * small["width"]
    for key, count in (("ArrowLeft", "1 of 3"), ("ArrowLeft", "3 of 3"), ("ArrowRight", "1 of 3")):
        page.keyboard.press(key)
        assert count in dialog.inner_text()
    page.keyboard.press("d")
    dialog.get_by_text("of the pixels differ").wait_for()
    page.keyboard.press("ArrowRight")
    dialog.get_by_text("of the pixels differ").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    button = page.locator("#one").get_by_role("button", name="Enlarge a red circle")
    button.focus()
    page.keyboard.press("Enter")
    assert "1 of 3" in dialog.inner_text()
    dialog.get_by_role("button", name="Close").click()
    assert button.evaluate("each => each === document.activeElement")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("mode", ["Side by side", "Difference"])
def test_axe_finds_nothing_against_accessibility(page: Page, scheme: str, mode: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    press(page, "#one", mode)
    found = Axe().run(page).response
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1000, "height": 2000})
