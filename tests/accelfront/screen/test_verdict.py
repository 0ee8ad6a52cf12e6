"""What to use of a study, told on the screen and in the report."""

from __future__ import annotations

import shlex
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from accelfront.screen.commands import Commands
from accelfront.screen.verdict import verdict
from generator.artefacts.promise import read_promise
from storage.database.opening import open_store
from storage.records.conclusions.using import python_lines
from storage.records.requirement import Requirement
from storage.records.study import Study
from storage.records.trial import Trial
from tests.command_line import run
from tests.made_records import changed
from tests.made_reports import RIVALS, keep, made_study, made_trial

SURE = made_trial(0, 1.5, 0.005)
LUCKY = changed(made_trial(1, 2.0, 0.0), confirmed=made_trial(1, 1.9, 0.016).measurement)

WHOLE: dict[str, Any] = {"prompts": "some.txt@76543210", "timed": "prompt to picture"}


def words(*trials: Trial) -> str:
    study = made_study(trials)
    return verdict(study, Commands([study])).words


def test_the_fastest_point_that_is_sure_is_to_be_used() -> None:
    told = words(SURE, LUCKY, made_trial(2, 2.5, 0.015))
    assert told == (
        "Use trial 1: 1.90x (1.85 to 1.95) at a loss of 0.8% (0.1% to 1.5%), confirmed on unseen "
        "prompts; it is inside the loss budget of 2% with a chance of 99%. Trial 2 gives 2.50x if "
        "you accept an 11% chance that it loses more than 2%. 3 of 50 points are measured."
    )
    assert words(SURE) == (
        "Use trial 0: 1.50x (1.45 to 1.55) at a loss of 0.5% (-0.5% to 1.5%), not confirmed on "
        "unseen prompts; it is inside the loss budget of 2% with a chance of 99%. 1 of 50 points "
        "are measured."
    )


def test_why_a_point_that_looked_faster_is_not_the_answer_is_told_once() -> None:
    fell = changed(made_trial(2, 2.6, 0.01), confirmed=made_trial(2, 2.4, 0.05).measurement)
    assert (
        "Trial 2 looked faster, 2.60x at a loss of 1.0%, and was passed over: by both measurements "
        "it loses 3.0%."
    ) in words(SURE, fell)
    # A bolder point tells why, for itself and for what is slower.
    bolder, slower = made_trial(3, 2.8, 0.015), made_trial(4, 2.7, 0.015)
    assert "looked faster" not in words(SURE, fell, bolder, slower)


@pytest.mark.parametrize(("speedup", "is_met"), [(1.4, True), (1.5, False)])
def test_what_was_asked_for_and_is_not_reached_is_told(speedup: float, is_met: bool) -> None:
    study = made_study([SURE])
    asked = Requirement(speedup=speedup, latency_s=9.0)
    told = verdict(study, Commands([study]), asked).words
    unmet = "Not reached: no point is sure to give 1.5x and 9 s per picture."
    assert (unmet in told) is not is_met


def test_without_a_command_the_lines_of_python_write_its_script(
    tmp_path: Path, study: Study
) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    trusted = made_study([made_trial(0, 3.0, -0.05)], digest="ffffffff", num_samples=64, **WHOLE)
    for each in (study, trusted):
        keep(open_store(url, create=True), each)
    found = verdict(study, Commands([study, trusted], url))
    assert found.command is None and found.python == python_lines(study.name, url)
    with chdir(tmp_path):
        exec(found.python, {})
    assert read_promise(tmp_path / "answer.py").trial == 1


def test_a_pipe_that_was_loaded_is_accelerated_by_the_lines_of_python() -> None:
    study = made_study([SURE], model="loaded-pipe@0123456789abcdef")
    found = verdict(study, Commands([study]))
    assert found.command is None
    assert found.python.endswith(f"accelfront.accelerate(pipe, studies[{study.name!r}].answer)")


def test_a_point_to_use_is_told_beside_the_best_lossless_one() -> None:
    assert words(*RIVALS).startswith("Use trial 4: 6.40x (6.35 to 6.45) at a loss of 0.9% (")
    assert "It is 2.00 times as fast as the best lossless point (3.20x, trial 1); fe" in (
        words(*RIVALS)
    )


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([], "no point is measured yet. 0 of 50 points are measured"),
        (
            [made_trial(0, 2.0, 0.1), made_trial(1, 1.4, 0.06)],
            "the loss budget of 2% yet; the least loss is 6.0%, at 1.40x (trial 1). 2 of 50",
        ),
        ([made_trial(0, 0.73, -0.01)], "is faster than the pipeline alone"),
        (
            [made_trial(0, 1.02, 0.0)],
            "99%, but it may be 0.97x; an idle machine tells more.",
        ),
        (
            [made_trial(0, 2.0, 0.015)],
            "--num-samples tells more. Trial 0 gives 2.00x if you accept an 11% chance that",
        ),
    ],
)
def test_where_nothing_is_sure_the_reason_is_told(trials: list[Trial], told: str) -> None:
    assert told in words(*trials)


@pytest.fixture
def study() -> Study:
    return made_study([SURE, LUCKY], **WHOLE)


def test_the_command_below_it_writes_that_trial(study: Study, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    keep(open_store(url, create=True), study)
    told, command = run("front", "--storage", url).stdout.rstrip().rsplit("\n", 1)
    assert "\nUse trial 1: " in told
    answer = run(*shlex.split(command)[1:], "--out", str(tmp_path))
    assert answer.returncode == 0 and len(list(tmp_path.glob("*trial1.py"))) == 1
    page = tmp_path / "a.html"
    run("report", "--storage", url, "--out", str(page))
    assert page.read_text().count("Use trial 1: 1.90x (1.85 to 1.95) at") == 1
