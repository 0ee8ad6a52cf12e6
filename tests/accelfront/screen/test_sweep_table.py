from __future__ import annotations

from accelfront.screen.sweep_table import sweep_table
from accelfront.screen.terminal import console
from storage.records.study import Study
from studies.engines.results import StudyResult
from tests.made_reports import RIVALS, made_study, made_trial


def told(study: Study | None) -> str:
    screen = console()
    with screen.capture() as captured:
        screen.print(sweep_table([StudyResult("a--study", "done", "", study, 6)]))
    return " ".join(captured.get().split())


def test_a_study_is_told_by_its_answer_beside_what_it_has_to_beat() -> None:
    text = told(made_study(RIVALS))
    assert "6/50 6.40x 0.9% 98% a--study vs lossless 2.00x fewer steps 4.00x" in text


def test_a_bolder_point_is_told_and_takes_no_place_of_an_answer() -> None:
    text = told(made_study([made_trial(0, 2.0, 0.018)]))
    assert "1/50 - - - a--study trial 0 gives 2.00x if you accept a 29% chance that" in text


def test_a_study_that_never_began_has_no_figures() -> None:
    assert "- - - - a--study" in told(None)
