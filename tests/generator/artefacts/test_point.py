"""A point as a file: what is written is read back, and what is no point is told in a sentence."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from generator.artefacts.point import Point
from objectives.errors import InputError
from storage.records.budgets import Budgets
from tests.generator.artefacts.made_emitters import POINT, MakeEmitter, make_study, make_task
from tests.generator.made_trials import made_study
from tests.made_records import changed, made_measurement


def _written(folder: Path) -> Path:
    path = folder / "point.json"
    path.write_text(Point.of(*made_study("tiny-shapes", ["deepcache"], POINT)).text(), "utf-8")
    return path


def test_a_point_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    study, trial = made_study("tiny-shapes", ["deepcache"], POINT)
    point = Point.read(_written(tmp_path))
    assert point == Point.of(study, trial)
    assert (point.combination, point.params) == (study.combination, POINT)
    assert (point.protocol, point.environment) == (study.protocol, study.environment)
    assert point.scheduler_settings == study.scheduler_settings
    assert (point.provenance.study, point.provenance.trial) == (study.name, 12)


def test_it_takes_along_what_its_study_has_learned(tmp_path: Path) -> None:
    point = {"threshold": 0.06, "max_skip_steps": 3, "retention_ratio": 0.2}
    whole = {f"mag_cache.{name}": value for name, value in point.items()}
    study, trial = made_study("SD3.5-medium", ["mag_cache"], whole)
    learned = {"mag_cache": (1.0, 1.1, 0.9)}
    written = Point.of(changed(study, learned=learned), trial)
    (tmp_path / "point.json").write_text(written.text(), "utf-8")
    assert Point.read(tmp_path / "point.json").learned == learned
    assert Point.of(study, trial).learned == {}


def test_its_figures_are_those_by_which_it_is_judged() -> None:
    study, trial = made_study("tiny-shapes", ["deepcache"], POINT)
    seen = made_measurement(2.0, 0.03, samples=trial.measurement.samples)
    confirmed = changed(trial, confirmed=seen)
    figures = Point.of(study, confirmed).figures
    assert (figures.speedup, figures.speedup_ci) == (2.0, (1.95, 2.05))
    # The mean over the prompts of both, as many in each.
    assert figures.clip_loss == pytest.approx((0.0123 + 0.03) / 2)
    assert figures.samples == 2 * trial.measurement.samples
    assert figures.confirmed and not Point.of(study, trial).figures.confirmed


def test_it_tells_what_it_was_chosen_to_keep() -> None:
    study, trial = made_study("tiny-shapes", ["deepcache"], POINT)
    wide, narrow = (Point.of(study, trial, Budgets(loss)).promised for loss in (0.2, 0.001))
    assert wide.budgets == {"clip_loss": 0.2}
    assert wide.chance_inside > 0.95 > 0.5 > narrow.chance_inside


def test_a_task_is_answered_with_a_point(make_emitter: MakeEmitter) -> None:
    outcome = make_emitter(make_study((2.0, 0.01)), kind="json").emit(make_task(1.2, 0.05))
    assert outcome.path is not None and outcome.path.suffix == ".json"
    point = Point.read(outcome.path)
    assert (point.figures.speedup, point.promised.budgets["clip_loss"]) == (2.0, 0.05)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("no JSON", "is not JSON"),
        ("[1]", "no point of accelfront"),
        ('{"format": "another"}', "no point of accelfront"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_another_file_is_no_point(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    path.write_text(content, "utf-8")
    with pytest.raises(InputError, match=told):
        Point.read(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory; give a file that"):
        Point.read(tmp_path / "point.json")


def test_a_point_of_a_later_format_is_told_apart_from_a_broken_one(tmp_path: Path) -> None:
    path = _written(tmp_path)
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(content | {"version": 2}), "utf-8")
    with pytest.raises(InputError, match="format 2, and this release reads up to 1; upgrade"):
        Point.read(path)
    path.write_text(json.dumps(content | {"params": {"deepcache.cache_interval": "3"}}), "utf-8")
    with pytest.raises(InputError, match=r"params\.deepcache\.cache_interval"):
        Point.read(path)


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("version",), None, "version must be a number, not None; "),
        (("version",), 0, "version must be greater than or equal to 1, not 0; "),
        (("version",), True, "version must be a number, not True; "),
        (("combination", "scheduler"), "Bogus", "combination.scheduler: unknown scheduler 'Bogus'"),
        (("combination", "scheduler"), "ddim", "combination.scheduler must be DDIM, not 'ddim'; "),
        (("lossy_methods",), ["zz"], "lossy_methods has 'zz', which combination.methods has not; "),
        (("colour",), "red", "it has colour, which no point of format 1 has; "),
        (("figures", "fps"), 3, "it has figures.fps, which no point of format 1 has; "),
        (("protocol", "height"), 10**9, "protocol.height must be from 8 to 8192 pixels, not 1000"),
        (
            ("scheduler_settings", "beta_start"),
            1e308,
            "scheduler_settings.beta_start must be a number from -1e+09 to 1e+09, not 1e+308; ",
        ),
        (
            ("scheduler_settings", "beta_start"),
            [1],
            "scheduler_settings.beta_start must be true or false or a number or a text, not a list",
        ),
        (
            ("params", "deepcache.cache_interval"),
            math.nan,
            "params.deepcache.cache_interval must be a number from -1e+09 to 1e+09, not nan; ",
        ),
        (
            ("params", "deepcache.cache_interval"),
            "3",
            "params.deepcache.cache_interval must be a number, not '3'; ",
        ),
    ],
)
def test_what_no_point_holds_is_told_in_one_line(
    place: tuple[str, ...], value: object, told: str, tmp_path: Path
) -> None:
    path = _written(tmp_path)
    content = json.loads(path.read_text("utf-8"))
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(InputError) as raised:
        Point.read(path)
    assert f"{path} is not the point that was written: {told}" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["version", "params", "protocol"])
def test_what_a_point_lacks_is_told(name: str, tmp_path: Path) -> None:
    path = _written(tmp_path)
    content = json.loads(path.read_text("utf-8"))
    del content[name]
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(InputError, match=f"written: {name} is missing; "):
        Point.read(path)
