"""The prompts below pictures."""

from __future__ import annotations

from pathlib import Path

from accelfront.report.page import render_page
from accelfront.report.prompts import picture_notes, study_prompts
from objectives.prompts import draw_prompts, prompts_fingerprint
from tests.accelfront.report.pages import ATTACK, WORST, picture_of
from tests.made_records import changed
from tests.made_reports import made_study, made_trial

TEXTS = [f"{ATTACK} number {number}" for number in range(9)]


def test_prompts_stand_below_their_pictures_if_their_file_is_what_it_was(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("\n".join(TEXTS))
    drawn = draw_prompts(TEXTS, 7)[:8]
    name = f"mine.txt@{prompts_fingerprint(drawn)}"
    trial = made_trial(0, 1.5, 0.0, pictured=WORST)
    study = changed(made_study([trial], prompts=name, prompts_seed=7), files={"prompts": str(file)})
    assert picture_notes(trial, study_prompts(study)) == [
        (drawn[5], "loss 31.0%"),
        (drawn[0], "loss 2.0%"),
    ]
    page = render_page([study], {(study.name, 0): picture_of(64)})
    assert ATTACK not in page and "&lt;img" not in page.partition("data-notes")[0]
    assert "number" in page
    for change in (lambda: file.write_text("another"), file.unlink):
        change()
        assert [note for note, _ in picture_notes(trial, study_prompts(study))] == [
            "prompt 6",
            "prompt 1",
        ]


def test_the_prompts_of_a_pipeline_are_found_without_a_file_of_ones_own() -> None:
    study = made_study([made_trial(0, 1.5, 0.0, pictured=WORST)])
    assert study_prompts(study) == [], "the fingerprint is another one"
    assert study_prompts(made_study([made_trial(0, 1.5, 0.0)])) == []
