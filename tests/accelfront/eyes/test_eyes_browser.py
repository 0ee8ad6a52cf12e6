"""The pages of two points in a real Chromium: seen, and voted on by keys."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storage.database.opening import Store
from storage.database.votes import read_votes
from tests.accelfront.eyes.made import PAIRS
from tests.command_line import run

pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE, DESK = 390, 1280


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of whose complaints any fails the test."""
    page = browser.new_page(viewport={"width": DESK, "height": 800})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.context.close()
    # Of a server that has ended Chromium itself complains.
    assert [said for said in complaints if "ERR_CONNECTION_REFUSED" not in said] == []


def faults(page: Page) -> list[str]:
    """What axe has against a page in the dark and in the light, and where it is too wide."""
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for scheme, width in (("dark", DESK), ("light", PHONE)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 800})
        response = Axe().run(page).response
        found += [f"{each['id']}: {each['nodes'][0]['html']}" for each in response["violations"]]
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            found.append(f"wider than {width}")
    return found


def test_two_trials_are_seen_side_by_side(url: str, tmp_path: Path, page: Page) -> None:
    run("compare", "0", "1", "--storage", url, "--out", str(tmp_path / "page.html"))
    page.goto((tmp_path / "page.html").as_uri())
    shared = page.get_by_role("region", name="Pictures of the same prompts")
    pairs = shared.locator(".pair")
    pairs.nth(PAIRS - 1).wait_for()
    assert pairs.count() == PAIRS
    assert pairs.first.locator(".pair-label").all_inner_texts()[:2] == ["trial 0", "trial 1"]
    grey = "(canvas) => canvas.getContext('2d').getImageData(4, 4, 1, 1).data[0]"
    sides = [
        pairs.first.locator(f".pair-{side} canvas").evaluate(grey) for side in ("before", "after")
    ]
    assert [round(side, -1) for side in sides] == [100, 160]
    shared.get_by_role("button", name="Difference").click()
    pairs.first.get_by_text("100.0% of the pixels differ").wait_for()
    assert faults(page) == []


def test_votes_are_cast_by_keys_undone_and_stored(url: str, store: Store, page: Page) -> None:
    command = [sys.executable, "-m", "accelfront", "compare", "1", "--blind", "--storage", url]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        page.goto(server.stdout.readline().strip())
        page.keyboard.press("ArrowLeft")
        page.get_by_label("Your name").fill(" Ada ")
        page.keyboard.press("Enter")
        page.get_by_text("pair 1 of 3").wait_for()
        assert faults(page) == []
        for key, told in (
            ("ArrowLeft", "pair 2 of 3"), ("ArrowRight", "pair 3 of 3"), ("u", "pair 2 of 3"),
            ("ArrowDown", "pair 3 of 3"), ("2", "all 3 answered"),
        ):  # fmt: skip
            page.keyboard.press(key)
            page.wait_for_function(
                "told => document.getElementById('count').textContent === told", arg=told
            )
        votes = read_votes(store.engine, [1])
        assert {vote.voter for vote in votes} == {"Ada"}
        # Left takes the first picture, right and 2 the second one, whosesoever they are.
        other = {"trial": "rival", "rival": "trial"}
        first, second, undone, equal, third = votes
        assert first.winner == first.shown_first and third.winner == other[third.shown_first]
        assert second.winner == other[second.shown_first]
        assert (undone.winner, equal.winner) == ("withdrawn", "neither")
        assert second.pair == undone.pair == equal.pair
        assert len({vote.pair for vote in votes}) == PAIRS
        own = page.locator("#own").inner_text()
        assert "saw no difference in 1." in own and "trial 1" in own and "baseline" in own
        assert "of 3 votes" in page.locator("#all").inner_text()
        assert page.get_by_role("button", name="Save your votes").count() == 0
        assert faults(page) == []
    finally:
        server.terminate()
        server.communicate()
    # Without the command nothing is kept, and the page says so and waits.
    page.get_by_role("button", name="Undo the last vote").click()
    page.get_by_text("The vote was not kept").wait_for()
    assert page.locator("#count").inner_text() == "all 3 answered"


def test_a_page_that_nobody_serves_hands_out_a_file_of_votes(
    url: str, store: Store, tmp_path: Path, page: Page
) -> None:
    run("compare", "0", "1", "--blind", "--storage", url, "--out", str(tmp_path / "blind.html"))
    page.goto((tmp_path / "blind.html").as_uri())
    page.get_by_label("Your name").fill("Bo")
    page.get_by_role("button", name="Begin").click()
    # A key that is held down is one choice.
    for press in (page.keyboard.down, page.keyboard.down, page.keyboard.up):
        press("1")
    page.get_by_text("pair 2 of 3").wait_for()
    for choice in ("Equal", "Picture 2"):
        page.get_by_role("button", name=choice).first.click()
    page.get_by_role("button", name="Undo the last vote").click()
    page.get_by_role("button", name="Picture 1").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save your votes").click()
    file = tmp_path / "votes.json"
    download.value.save_as(file)
    assert [vote["winner"] for vote in json.loads(file.read_text())["votes"]][3] == "withdrawn"
    assert run("import", "votes", str(file), "--storage", url).returncode == 0
    votes = read_votes(store.engine, [1])
    assert len(votes) == 5 and votes[0].rival_trial_number == 0 and votes[0].voter == "Bo"
