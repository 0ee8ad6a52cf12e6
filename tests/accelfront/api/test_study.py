"""Studies as Python shows them, of made-up figures."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import accelfront
from storage.database.opening import open_store
from storage.study_store import attributes as keys
from tests.made_records import changed
from tests.made_studies import PROTOCOL, add_point, add_study, confirm

SURE: dict[str, int | float] = {"cache_interval": 2, "warm_up": 1}
BOLD: dict[str, int | float] = {"cache_interval": 3, "warm_up": 1}
SLOW: dict[str, int | float] = {"cache_interval": 2, "warm_up": 2}


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/a.db"
    study = add_study(open_store(url, create=True), "deepcache", "tgate")
    add_point(study, SURE, (2.0, 1.9, 2.1), (0.001, -0.001, 0.003))
    add_point(study, BOLD, (3.0, 2.8, 3.2), (0.015, -0.01, 0.04))
    add_point(study, SLOW, (1.2, 1.1, 1.3), (0.005, 0.004, 0.006))
    confirm(study, SURE, (1.8, 1.7, 1.9), (0.002, 0.0, 0.004))
    return url


@pytest.fixture
def study(url: str) -> accelfront.Study:
    [study] = accelfront.open(url)
    return study


def test_a_storage_is_opened(study: accelfront.Study) -> None:
    assert study.name == "tiny-shapes--DDIM--20--deepcache+tgate--0a1b2c3d"
    assert [trial.number for trial in study.trials] == [0, 1, 2]
    assert study.budgets == {"clip_loss": 0.02}
    assert study.ended is None
    assert study.verdict.startswith("Use trial 0: 1.80x (")
    assert study.failed == {}


def test_the_storage_of_the_environment_is_opened(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ACCELFRONT_STORAGE", url)
    assert len(accelfront.open()) == 1


def test_points_are_shown_by_what_judges_them(study: accelfront.Study) -> None:
    assert [trial.number for trial in study.front] == [1, 0]
    answer = study.answer
    assert answer is not None
    assert (answer.number, answer.speedup, answer.speedup_ci) == (0, 1.8, (1.7, 1.9))
    assert answer.confirmed
    assert answer.params == SURE
    assert answer.chance_inside > 0.99
    assert study.bolder is not None
    assert (study.bolder.number, study.bolder.confirmed) == (1, False)


def test_the_best_point_for_a_wish_is_sure_to_meet_it(study: accelfront.Study) -> None:
    def number(**wish: object) -> int | None:
        best = study.best(**wish)  # type: ignore[arg-type]
        return None if best is None else best.number

    assert number() == 0
    assert number(speedup=1.7) == 0
    assert number(speedup=1.75) is None
    assert number(speedup=1.5, budget={"clip_loss": 0.5}) == 1
    assert number(speedup=2.8, budget={"clip_loss": "50%"}) == 1
    assert number(latency_s=1 / 1.65) == 0
    assert number(latency_s=0.1) is None
    assert number(budget={"clip_loss": -0.1}) is None
    allowed = study.best(budget={"clip_loss": 0.5})
    assert allowed is not None
    assert allowed.point.promised.budgets == {"clip_loss": 0.5}


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"latency_s": 0}, "--req-time must be above 0, and 0 was given"),
        ({"speedup": -1}, "--req-speedup must be 1 or more; -1 would be slower"),
        ({"speedup": math.nan}, "--req-speedup must be 1 or more"),
        ({"speedup": "1.5"}, "speedup takes a number or None, and '1.5' was given"),
        ({"budget": 0.02}, r"budget takes a dict .* and 0\.02 was given"),
    ],
)
def test_a_wish_that_is_none_is_told(
    study: accelfront.Study, wish: dict[str, Any], told: str
) -> None:
    with pytest.raises(accelfront.AccelfrontError, match=told):
        study.best(**wish)


def test_what_is_written_and_where_is_held_against_its_type(
    study: accelfront.Study, tmp_path: Path
) -> None:
    number: Any = 3
    with pytest.raises(accelfront.AccelfrontError, match="trial takes a Trial or None, and 3 was"):
        study.script(tmp_path, number)
    with pytest.raises(accelfront.AccelfrontError, match="path takes text or a Path, and 3 was"):
        study.trials[0].write(number)


def test_an_argument_that_is_unknown_is_told_as_python_does(study: accelfront.Study) -> None:
    unknown: dict[str, Any] = {"faster": 2}
    with pytest.raises(TypeError, match=r"Study\.best\(\) got an unexpected keyword .* 'faster'"):
        study.best(**unknown)


def test_a_wrong_budget_is_told(study: accelfront.Study) -> None:
    with pytest.raises(accelfront.AccelfrontError, match="did you mean clip_loss"):
        study.best(budget={"clip_los": 0.1})


def test_the_front_is_a_frame(study: accelfront.Study) -> None:
    frame = study.front.to_frame()
    assert list(frame["trial"]) == [1, 0]
    assert list(frame["speedup_low"]) == [2.8, 1.7]
    assert list(frame["warm_up"]) == [1, 1]


def test_the_frame_has_the_loss_of_every_metric_with_a_budget(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/losses.db"
    study = add_study(open_store(url, create=True), "deepcache", "tgate")
    study.set_user_attr(keys.PROTOCOL, changed(PROTOCOL, loss="attributes").as_json())
    study.set_user_attr(keys.BUDGETS, {"clip_loss": 0.5, "lpips": 0.2, "memory_mib": 9.0})
    metrics = {
        "attributes": {"value": 0.9, "loss": 0.01, "loss_ci": [0.0, 0.02], "samples": 32},
        "lpips": {"value": 0.1, "loss": 0.1, "loss_ci": [0.05, 0.15], "samples": 32},
        "ssim": {"value": 0.9, "loss": 0.1, "loss_ci": [0.05, 0.15], "samples": 32},
    }
    add_point(study, SURE, (2.0, 1.9, 2.1), (0.01, -0.001, 0.003), metrics=metrics)
    del metrics["lpips"]
    add_point(study, SLOW, (1.2, 1.1, 1.3), (0.01, -0.001, 0.003), metrics=metrics)
    [found] = accelfront.open(url)
    frame = found.trials.to_frame()
    losses = [name for name in frame if "loss" in name]
    assert losses == [
        f"{name}{end}"
        for name in ("clip_loss", "attributes_loss", "lpips_loss")
        for end in ("", "_low", "_high")
    ]
    assert [frame[name][0] for name in losses[3:]] == [0.01, 0.0, 0.02, 0.1, 0.05, 0.15]
    assert list(frame["lpips_loss"].isna()) == [False, True]
    assert "ssim_loss" in found.under({"ssim": "20%"}).trials.to_frame()


def test_a_plot_shows_the_points_of_the_report(study: accelfront.Study) -> None:
    figure = study.plot()
    x = {round(x, 6) for trace in figure.data for x in trace.x}
    assert x == {1.0, 1.2, 1.8, 3.0}
    [told] = {text for trace in figure.data for text in trace.hovertext or () if "Trial 1" in text}
    assert told.startswith("Trial 1<br>speedup 3.00x")
    assert "loss budget 2%" in figure.to_json()


def test_a_study_without_points_has_no_plot_and_no_answer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/empty.db"
    add_study(open_store(url, create=True), "deepcache")
    [study] = accelfront.open(url)
    assert study.front == study.trials == []
    assert study.answer is study.bolder is study.best(speedup=1.5) is None
    with pytest.raises(accelfront.AccelfrontError, match=r"no point of .* is measured yet"):
        study.plot()
    with pytest.raises(accelfront.AccelfrontError, match="has no answer; name a trial"):
        study.script(tmp_path / "a.py")


def test_a_point_is_written(study: accelfront.Study, tmp_path: Path) -> None:
    written = study.trials[1].write(tmp_path / "point.json")
    content = json.loads(written.read_text())
    assert content["provenance"]["trial"] == 1
    assert content["figures"]["speedup"] == 3.0
    with pytest.raises(accelfront.AccelfrontError, match="cannot write"):
        study.trials[1].write(tmp_path / "no" / "point.json")


def test_a_trial_of_another_study_is_refused(
    study: accelfront.Study, url: str, tmp_path: Path
) -> None:
    other = add_study(open_store(url), "deepcache", "tgate", digest="ffffffff")
    add_point(other, SURE, (2.0, 1.9, 2.1), (0.001, -0.001, 0.003))
    [alien] = [each for each in accelfront.open(url) if each.name != study.name]
    with pytest.raises(accelfront.AccelfrontError, match=r"trial 0 of .*ffffffff is none of"):
        study.script(tmp_path / "a.py", alien.trials[0])


def test_what_cannot_be_opened_is_told_in_the_words_of_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(accelfront.AccelfrontError, match="there is no database"):
        accelfront.open(f"sqlite:///{tmp_path}/none.db")
