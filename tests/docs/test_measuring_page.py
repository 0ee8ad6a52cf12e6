"""docs/measuring.md: what it says of a CLIP budget is what was drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "measuring.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## What a CLIP budget lets through\n")[2].partition("\n## ")[0]
DRAWN = json.loads((ROOT / "benchmarks/results/blind-spots.json").read_text(encoding="utf-8"))


def test_the_page_counts_the_points_that_were_drawn() -> None:
    points: list[dict[str, Any]] = [each for study in DRAWN["studies"].values() for each in study]
    losses = [{name: loss[0] for name, loss in each["losses"].items()} for each in points]
    inside = [each for each in losses if each["clip_loss"] <= 0.02]
    answers = [each["losses"]["clip_loss"][0] for each in points if each["is_answer"]]
    damaged, *other = (
        sum(each[name] > most for each in inside)
        for name, most in (("attributes", 0.02), ("ssim", 0.1), ("ssim", 0.2))
    )
    share = [f"{count} ({count / len(inside):.0%})" for count in other]
    assert f"{len(DRAWN['studies'])} studies of" in SECTION
    assert f"{len(points)} points of DeepCache" in SECTION
    assert f"of the {len(inside)} points inside a CLIP loss of 2%" in SECTION
    assert f"what the caption says | {damaged} |" in SECTION
    assert f"the likeness to the plain picture | {share[0]} |" in SECTION
    assert f"lose more than 20% of SSIM | {share[1]} |" in SECTION
    assert f"All {sum(each <= 0.02 for each in answers)} answers" in SECTION
    assert len(answers) == sum(each <= 0.02 for each in answers)


def test_the_page_tells_the_methods_that_move_pictures_from_those_that_do_not() -> None:
    moved = {
        methods: [
            each["losses"]["ssim"][0] > 0.1
            for name, study in DRAWN["studies"].items()
            if name.endswith(f"--{methods}")
            for each in study
            if each["losses"]["clip_loss"][0] <= 0.02
        ]
        for methods in ("tgate", "tome")
    }
    share = sum(moved["tgate"]) / len(moved["tgate"])
    assert f"With T-GATE {share:.0%} of the points inside differ by more than 10%" in SECTION
    assert "with ToMe alone none" in SECTION and not any(moved["tome"])
