"""What the report's page says of budgets beside that of the loss, in a real Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accelfront.report.page import render_page
from storage.records.budgets import Budgets
from tests.accelfront.report.browser_pages import DESK, opened
from tests.made_records import changed
from tests.made_reports import made_study, made_trial

pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_what_breaks_a_budget_is_told_from_what_is_beaten(browser: Browser, tmp_path: Path) -> None:
    trials = [
        made_trial(0, 1.5, 0.0, peak_memory_mib=900),
        made_trial(1, 1.2, 0.005, peak_memory_mib=900),
        made_trial(2, 2.0, 0.0, peak_memory_mib=1100),
    ]
    study = changed(made_study(trials), budgets=Budgets(0.02, {"memory_mib": 1024.0}))
    path = tmp_path / "limited.html"
    path.write_text(render_page([study], {}), encoding="utf-8")
    for page in opened(browser, path, DESK):
        assert "beaten or left out" in page.locator(".explorer .legend").inner_text()
        told = []
        for number in (1, 2):
            page.locator(f".explorer .point[data-id='{number}']").focus()
            told.append(page.locator(".panel").inner_text())
        assert "other points beat it" in told[0]
        assert "Left out: it breaks a budget" in told[1] and "beat" not in told[1]
