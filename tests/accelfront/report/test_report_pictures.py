"""The pictures of the report: which are on the page, and how large."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import optuna
import pytest
from PIL import Image

from accelfront.report import page as page_module
from accelfront.report.data import report_study
from accelfront.report.fitting import LEAST_BYTES, fit_pictures
from accelfront.report.page import render_page
from accelfront.report.pictures import front_pictures
from accelfront.screen.commands import Commands
from storage.database.opening import open_store
from storage.study_store.artifacts import WORST_NAME, artifact_folder, keep_picture
from tests.accelfront.report.pages import TRIALS, WORST, picture_of, readable
from tests.made_records import changed
from tests.made_reports import keep, made_study, made_trial


def test_pictures_are_on_the_page_as_they_were_kept_if_there_is_room() -> None:
    study, picture = made_study(TRIALS), picture_of(64)
    page = render_page([study], {(study.name, 3): picture, (study.name, 0): picture})
    assert page.count(base64.b64encode(picture).decode()) == 2
    assert page.count('data-pictures="study-1-') == 2
    assert "The picture grids of all front points that have one are on this page." in page
    assert readable(page).count("none kept") == 1  # Of trial 2.


def test_many_pictures_are_shrunk_and_the_bound_comes_first() -> None:
    study, large = made_study(TRIALS), picture_of(300)
    pictures = {(study.name, number): large for number in (0, 2, 3)}
    reports = [report_study(study, Commands([study]))]
    room = 4 * LEAST_BYTES
    fitted = fit_pictures(pictures, reports, room)
    # Trial 2 is the bound, trial 3 over the budget.
    assert fitted.keys() == {(study.name, 0), (study.name, 2)}
    assert sum(len(base64.b64encode(each)) for each in fitted.values()) < room
    for each in fitted.values():
        with Image.open(BytesIO(each)) as shown:
            assert 100 < shown.width < 600


def test_small_pictures_leave_their_room_to_large_ones() -> None:
    study, small, large = made_study(TRIALS), picture_of(16), picture_of(150)
    pictures = {(study.name, 0): small, (study.name, 2): large, (study.name, 3): small}
    room = 2 * len(large)
    assert fit_pictures(pictures, [report_study(study, Commands([study]))], room) == pictures


@pytest.mark.parametrize("room", [-1, 0, 300])
def test_without_room_there_are_no_pictures(room: int) -> None:
    study = made_study(TRIALS)
    pictures = {(study.name, 0): picture_of(64)}
    assert fit_pictures(pictures, [report_study(study, Commands([study]))], room) == {}


def test_a_page_without_room_for_any_picture_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    study = made_study(TRIALS)
    monkeypatch.setattr(page_module, "MOST_BYTES", 1_000)
    page = render_page([study], {(study.name, 0): picture_of(50)})
    assert "None of the 1 picture grids is on this page, because they would take it beyond" in page
    assert "data:image/webp" not in page and "comes first" not in page


@pytest.mark.thorough
def test_a_page_of_301_studies_of_100_points_has_room_for_pictures() -> None:
    front = [made_trial(n, 1 + n / 8, n / 200) for n in range(5)]
    dominated = [made_trial(n, 1 - n / 300, 0.03 + n / 1500) for n in range(5, 100)]
    studies = [made_study([*front, *dominated], steps=steps) for steps in range(1, 302)]
    assert len(render_page(studies, {}).encode()) < 6_500_000


def test_what_cannot_be_shrunk_is_left_out() -> None:
    study = made_study(TRIALS)
    pictures = {(study.name, 0): b"RIFF....WEBP" + bytes(90_000)}
    assert fit_pictures(pictures, [report_study(study, Commands([study]))], 60_000) == {}


@pytest.mark.timeout(300)
def test_a_page_of_162_studies_with_pictures_stays_below_8_mb() -> None:
    studies = [
        made_study(
            [made_trial(n, 1 + n / 4, n / 150) for n in range(8)],
            ("deepcache", "tgate", "tome"),
            steps=steps,
            device="NVIDIA H100 80GB HBM3",
        )
        for steps in range(1, 163)
    ]
    picture = picture_of(100)
    pictures = {(study.name, trial.number): picture for study in studies for trial in study.front}
    page = render_page(studies, pictures)
    assert len(page.encode()) < 8_000_000
    shown = page.count("data:image/webp")
    assert 162 <= shown < len(pictures) == 162 * 8
    assert f"{shown} of {len(pictures)} picture grids are on this page" in page
    assert page.count(">left out<") == len(pictures) - shown


def test_only_pictures_of_the_front_are_read_and_nothing_else_is_taken_for_one(
    tmp_path: Path,
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/a.db", create=True)
    study = made_study([])
    keep(store, study)
    stored = optuna.load_study(study_name=study.name, storage=store.optuna)
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "WEBP")
    for content in (file.getvalue(), file.getvalue(), b"something secret"):
        keep_picture(artifact_folder(store), stored.ask(), "grid.webp", content)
    # 0 is on the front, 1 is dominated, and what 2 has is no picture.
    points = [made_trial(0, 1.2, 0.0), made_trial(1, 1.1, 0.0), made_trial(2, 1.5, 0.01)]
    assert front_pictures(store, [made_study(points)]) == {(study.name, 0): file.getvalue()}
    pictured = changed(points[0], measurement=changed(points[0].measurement, pictured=WORST))
    assert front_pictures(store, [made_study([pictured])]) == {}, "the worst pair is not there"
    worst = picture_of(8)
    keep_picture(artifact_folder(store), stored.ask(), WORST_NAME, worst)
    last = changed(pictured, number=3)
    assert front_pictures(store, [made_study([last])]) == {(study.name, 3): worst}
    for path in artifact_folder(store).iterdir():
        path.unlink()
    assert front_pictures(store, [made_study(points)]) == {}
