"""The pictures of the README: a report, and a trial in the dashboard.

    make study
    python -m benchmarks.pages.pictures

takes them from a database with the Chromium on the PATH, into `docs/images`: of one study the
report's answer and its front, and the bound's page in the dashboard.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FloatRect, sync_playwright

from accelfront.cli.options import DEFAULT_STORAGE
from accelfront.dashboard.server import listen
from accelfront.report.page import render_page
from accelfront.report.pictures import front_pictures
from benchmarks.shared.chromium import find_chromium
from benchmarks.shared.result_files import out_folder
from storage.database.opening import Store, open_store
from storage.reading.studies import read_studies
from storage.records.study import Study
from storage.records.trial import Trial

IMAGES = Path(__file__).parents[2] / "docs" / "images"

WIDTH, HEIGHT = 1100, 1080

QUALITY = 80
"""Quality of a WebP, which is less than half of a PNG; fewer colours would change the pictures."""

DRAWN = """
() => [...document.querySelectorAll(":is(.pair-before, .pair-after) canvas")].every(
  (each) => each.width !== 300)
"""
"""Whether all pictures are there: a canvas is 300 pixels wide until it is drawn."""


def main() -> None:
    """Take the pictures of a study that has a bound."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--storage", default=DEFAULT_STORAGE)
    parser.add_argument("--study", help="default: the first one")
    parser.add_argument("--out", type=out_folder, default=IMAGES)
    options = parser.parse_args()
    store = open_store(options.storage)
    study = read_studies(store, options.study)[0]
    bound = study.bound
    chromium = find_chromium()
    if bound is None or chromium is None:
        parser.error("needs a study with a point inside its loss budget, and Chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        take_report(browser, store, study, options.out / "report.webp")
        take_dashboard(browser, store, study, bound, options.out / "dashboard.png")
        browser.close()


def take_report(browser: Browser, store: Store, study: Study, out: Path) -> None:
    """The report's answer, and the chart of its front below."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 2 * HEIGHT}, color_scheme="light")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.html")
        report.write_text(render_page([study], front_pictures(store, [study])), encoding="utf-8")
        page.goto(report.as_uri())
        page.locator(".panel canvas").first.wait_for()
        page.wait_for_function(DRAWN)
        legend = page.locator(".legend").bounding_box()
        assert legend is not None
        height = legend["y"] + legend["height"] + 16
        clip: FloatRect = {"x": 0, "y": 0, "width": WIDTH, "height": height}
        image = Image.open(BytesIO(page.screenshot(clip=clip))).convert("RGB")
    image.save(out, quality=QUALITY, method=6)


def take_dashboard(browser: Browser, store: Store, study: Study, bound: Trial, out: Path) -> None:
    """The bound's page in the dashboard."""
    server = listen("127.0.0.1", 0, store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    number = store.optuna.get_study_id_from_name(study.name)
    place = f"dashboard/studies/{number}/trials?numbers={bound.number}"
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.goto(f"http://127.0.0.1:{server.server_port}/{place}")
    page.locator("img[src^='/artifacts/']").first.wait_for()
    page.screenshot(path=out)
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
