"""A study for pages in a browser, and such a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from objectives.quality.picture_grid import PictureGrid
from storage.records.study import Study
from tests.accelfront.report.pages import ATTACK, WORST
from tests.made_records import changed, made_measurement
from tests.made_reports import made_study, made_trial

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE, DESK = 390, 1280

SSIM = {"value": 0.9, "loss": 0.1, "loss_ci": [0.08, 0.13], "samples": 8}


def a_study() -> Study:
    """A study whose answer is trial 2, confirmed, and where a bolder point is faster."""
    narrow: dict[str, Any] = {
        "clip_loss_ci": [0.004, 0.012],
        "metrics": {"ssim": SSIM},
        "pictured": WORST,
    }
    trials = [
        made_trial(0, 1.2, 0.0),
        made_trial(1, 1.1, 0.01),
        changed(
            made_trial(2, 1.5, 0.008, worst_losses=[0.31], **narrow),
            confirmed=made_measurement(1.48, 0.008, worst_losses=[0.2], **narrow),
        ),
        made_trial(3, 2.0, 0.05),
        changed(made_trial(4, 1.7, 0.015), params={ATTACK: 1}),
    ]
    return made_study(trials)


def a_grid() -> bytes:
    """Two pairs of pictures."""
    grid = PictureGrid()
    grid.add(range(2), torch.full((2, 3, 64, 64), 0.4), torch.full((2, 3, 64, 64), 0.6))
    content = grid.webp()
    assert content is not None
    return content


def opened(browser: Browser, file: Path, width: int) -> Iterator[Page]:
    """A page; what it complains of or asks for fails the test that is last."""
    context = browser.new_context(viewport={"width": width, "height": 800}, offline=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url))
    page.goto(file.as_uri())
    page.locator(".scatter .point").first.wait_for(state="attached")
    yield page
    context.close()
    assert [said for said in complaints if not said.startswith("data:")] == [file.as_uri()]
