from __future__ import annotations

import optuna
import pytest
from optuna_dashboard import get_note, save_note

from storage.study_store.note import END, write_note


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study()


def test_a_new_text_replaces_the_text_and_keeps_what_people_added(study: optuna.Study) -> None:
    write_note(study, "one point")
    save_note(study, get_note(study) + "\n\nToo blurry.")
    write_note(study, "two points")
    assert get_note(study) == f"two points\n{END}\n\nToo blurry."


def test_a_note_that_people_wrote_themselves_stays(study: optuna.Study) -> None:
    save_note(study, "Mine.")
    write_note(study, "one point")
    assert get_note(study) == "Mine."


def test_an_equal_text_is_not_written_again(study: optuna.Study) -> None:
    write_note(study, "one point")
    before = study._storage.get_study_system_attrs(study._study_id)
    write_note(study, "one point")
    assert study._storage.get_study_system_attrs(study._study_id) == before
