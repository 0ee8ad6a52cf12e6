"""The commands that the report gives with its points."""

from __future__ import annotations

import shlex
from html import unescape

from accelfront.report.data import report_study
from accelfront.report.page import render_page
from accelfront.screen.commands import Commands
from generator.choice import by_trust, choose
from generator.tasks.task import read_task
from storage.records.budgets import Budgets
from storage.records.study import Study
from storage.records.trial import Trial
from tests.accelfront.report.pages import TRIALS, readable
from tests.made_records import changed
from tests.made_reports import made_study, made_trial


def chosen(command: str, studies: list[Study]) -> Trial | None:
    """What `generate` takes for a command of a study of the only device."""
    words = shlex.split(command)
    task = read_task(words[2])
    policy = words[words.index("--policy") + 1] if "--policy" in words else "fastest"
    choice = choose(by_trust(studies), task, policy)  # type: ignore[arg-type]
    return choice.trial if choice else None


def test_every_front_point_has_a_command_that_gets_it() -> None:
    study = made_study(TRIALS)
    front = report_study(study, Commands([study])).front
    assert [point.trial.number for point in front] == [3, 2, 0]
    for point in front:
        assert point.command is not None
        assert chosen(point.command, [study]) is point.trial


def test_the_command_of_the_answer_asks_for_the_budgets_of_the_study() -> None:
    ssim = {"ssim": {"value": 0.9, "loss": 0.1, "loss_ci": [0.09, 0.11], "samples": 32}}
    points = [made_trial(number, 1.5 + number, 0.005, metrics=ssim) for number in range(2)]
    study = changed(made_study(points), budgets=Budgets(0.02, {"ssim": 0.15}))
    assert study.answer is points[1]
    command = Commands([study]).of(study, study.answer)
    assert command is not None
    asked = "tiny-shapes, DDIM, 20 steps, DeepCache, loss at most 2%, SSIM loss at most 15%"
    assert shlex.split(command)[2] == asked
    assert chosen(command, [study]) is study.answer


def test_a_point_that_a_faster_one_hides_is_got_by_another_policy() -> None:
    # Trial 1 is faster, and keeps the loss that trial 0 can promise, as its interval is narrow.
    hidden = made_trial(0, 1.5, 0.01, clip_loss_ci=[0.0, 0.03])
    study = made_study([hidden, made_trial(1, 2.0, 0.02, clip_loss_ci=[0.015, 0.025])])
    command = Commands([study]).of(study, hidden)
    assert command is not None
    assert "--policy" in command
    assert chosen(command, [study]) is hidden


def test_the_command_of_a_confirmed_point_asks_for_what_unseen_prompts_gave() -> None:
    again = made_trial(0, 1.6, 0.004).measurement
    lucky = changed(made_trial(2, 2.0, 0.005), confirmed=again)
    steady = changed(made_trial(3, 1.9, 0.006), confirmed=made_trial(3, 1.9, 0.006).measurement)
    study = made_study([lucky, steady])
    command = Commands([study]).of(study, lucky)
    assert command is not None and "1.55x" in command, "what it is sure to give, and no more"
    assert chosen(command, [study]) == lucky
    command = Commands([study]).of(study, steady)
    assert command is not None and "at least" not in command, "the budget alone gets the answer"
    assert chosen(command, [study]) == steady


def test_what_slows_down_has_no_command() -> None:
    slow = made_trial(0, 0.73, -0.01)
    study = made_study([slow, made_trial(1, 1.5, 0.0)])
    assert Commands([study]).of(study, slow) is None
    page = unescape(readable(render_page([study], {})))
    assert "not faster than the pipeline alone" in page


def test_an_answer_that_may_be_slower_has_a_command_that_gets_it() -> None:
    study = made_study([made_trial(0, 1.02, 0.0), made_trial(1, 1.01, -0.005)])
    assert study.answer == study.trials[0]
    command = Commands([study]).of(study, study.answer)
    assert command is not None and "at least" not in command
    assert chosen(command, [study]) is study.answer


def test_a_study_of_a_pipeline_that_is_unknown_here_has_a_page_and_no_commands() -> None:
    study = made_study(TRIALS)
    gone = changed(study, combination=study.combination.model_copy(update={"pipeline": "gone"}))
    page = unescape(readable(render_page([gone], {})))
    assert (
        "accelfront generate writes no script of this point" in page
        and "accelfront generate '" not in page
    )


def test_a_point_that_a_study_of_more_prompts_hides_has_no_command() -> None:
    trusted = made_study([made_trial(0, 3.0, -0.05)], digest="ffffffff", num_samples=64)
    study = made_study(TRIALS)
    assert {point.command for point in report_study(study, Commands([trusted, study])).front} == {
        None
    }


def test_a_command_names_device_and_storage_as_a_shell_takes_them() -> None:
    study = made_study(TRIALS, device="AMD EPYC (2 threads)")
    command = Commands([study], "sqlite:///my studies.db").of(study, TRIALS[0])
    assert command is not None
    words = shlex.split(command)
    assert words[words.index("--device") + 1] == "AMD EPYC (2 threads)"
    assert words[words.index("--storage") + 1] == "sqlite:///my studies.db"
