"""Every command tells of the same points in the same order: as they are judged.

Trial 1 was lucky: 2.0x in the search and 1.6x on unseen prompts. Trial 2 gave 1.9x both times, and
trial 3 kept the loss budget in the search only.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from storage.database.opening import open_store
from storage.records.trial import Trial
from tests.command_line import run
from tests.made_records import changed
from tests.made_reports import keep, made_study, made_trial

LUCKY, STEADY, LOSSY = 1, 2, 3


WHOLE: dict[str, Any] = {
    "prompts": "some.txt@76543210",
    "guidance_scale": 7.5,
    "seed": 0,
    "timed": "prompt to picture",
}
"""What scripts tell of a protocol beside what the report does."""


def looked_at_again(
    number: int, searched: tuple[float, float], again: tuple[float, float]
) -> Trial:
    trial = made_trial(number, *searched)
    return changed(trial, confirmed=made_trial(number, *again).measurement)


@pytest.fixture
def storage(tmp_path: Path) -> str:
    trials = [
        made_trial(0, 1.2, -0.005),
        looked_at_again(LUCKY, (2.0, 0.002), (1.6, 0.008)),
        looked_at_again(STEADY, (1.9, 0.004), (1.9, 0.004)),
        looked_at_again(LOSSY, (2.3, 0.005), (2.3, 0.05)),
    ]
    url = f"sqlite:///{tmp_path}/a.db"
    keep(open_store(url, create=True), made_study(trials, **WHOLE))
    return url


def test_front_and_bounds_agree(storage: str) -> None:
    [front] = json.loads(run("front", "--storage", storage, "--json").stdout)
    assert [point["trial"] for point in front["front"]] == [LOSSY, STEADY, 0]
    [bound] = json.loads(run("bounds", "--storage", storage, "--json").stdout)
    assert bound["bound"]["trial"] == STEADY


@pytest.mark.parametrize("command", ["studies", "bounds", "front"])
def test_tables_tell_of_the_bound(storage: str, command: str) -> None:
    text = run(command, "--storage", storage).stdout
    assert "1.90x" in text and "2.00x" not in text


def test_tasks_and_exports_go_by_the_bound(storage: str, tmp_path: Path) -> None:
    tasks = run("tasks", "--storage", storage, "--ratios", "0.9", "--format", "jsonl").stdout
    assert json.loads(tasks)["speedup"] == 1.71
    bounds = run("export", "--format", "speedup-bounds", "--storage", storage).stdout
    assert list(json.loads(bounds).values()) == [1.9]
    points = run("export", "--format", "search-params", "--storage", storage).stdout
    assert [ast.literal_eval(key)[3] for key in json.loads(points)] == [1.9, 1.2]


def test_generate_and_the_report_offer_the_same_point(storage: str, tmp_path: Path) -> None:
    asked = run(
        "generate", "tiny-shapes, 20 steps, deepcache, loss at most 2%", "--device", "a CPU",
        "--storage", storage, "--out", str(tmp_path), "--json",
    )  # fmt: skip
    [outcome] = json.loads(asked.stdout)
    assert (outcome["trial"], outcome["status"]) == (STEADY, "emitted"), outcome["reason"]
    assert "trial 3 looked faster, 2.30x" in outcome["reason"]
    page = tmp_path / "report.html"
    assert run("report", "--storage", storage, "--out", str(page)).returncode == 0
    assert "Use trial 2: 1.90x (" in page.read_text()
