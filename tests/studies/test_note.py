from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from objectives.settings.generation import GenerationSettings
from storage.records.budgets import Budgets
from storage.records.conclusions.using import python_lines
from storage.records.environment import Environment
from storage.records.study import Space, Study
from studies.note import study_note
from studies.plan import Plan, make_plan
from studies.request import StudyRequest
from tests.made_records import made_point
from tests.made_reports import RIVALS
from tests.studies.conftest import MakeRequest

STORAGE = "postgresql+psycopg://me:***@host/studies"


def record(plan: Plan, trials: int, clip_loss: float = 0.01) -> Study:
    """What is stored of a study of which so many points are measured."""
    return Study(
        name=plan.study_name,
        combination=plan.combination,
        protocol=plan.protocol,
        environment=Environment(device="a CPU (2 threads)", versions={}),
        space=Space(distinct=16, grid=16, choices={}),
        budgets=Budgets(0.02),
        trials=[made_point(n, {}, 1.5 + n, clip_loss) for n in range(trials)],
        states={},
    )


def command(note: str) -> list[str]:
    return shlex.split(note.split("```")[-2].replace("\\\n", " "))


def test_it_tells_combination_protocol_device_and_answer(make_request: MakeRequest) -> None:
    plan = make_plan(make_request())
    note = study_note(plan, record(plan, 2), STORAGE)
    assert note.startswith("**Use trial 1: 2.50x")
    for words in (
        "tiny-shapes, DDIM, 6 steps, deepcache", "loss budget of 2%",
        "Use trial 1: 2.50x (2.45 to 2.55) at a loss of 1.0%", "2 of 16 points",
        "2 prompts of prompts.txt@",
        "in batches of 1, 64x64", "seed 0", "a CPU",
    ):  # fmt: skip
        assert words in note
    # One attribute of optuna-dashboard's, which loads those of all studies at each poll.
    assert len(note) < 1500


def test_it_tells_the_answer_beside_the_best_lossless_point(make_request: MakeRequest) -> None:
    plan = make_plan(make_request())
    found = record(plan, 2).model_copy(update={"trials": RIVALS})
    note = study_note(plan, found, STORAGE)
    assert "It is 2.00 times as fast as the best lossless point (3.20x, trial 1)" in note
    assert len(note) < 1500


def test_without_a_point_inside_the_budget_there_is_no_answer(make_request: MakeRequest) -> None:
    plan = make_plan(make_request())
    assert "no point is inside the loss budget of" in study_note(
        plan, record(plan, 2, 0.5), STORAGE
    )


def test_it_tells_how_pictures_are_drawn_where_not_as_the_pipeline_has_it(
    make_request: MakeRequest,
) -> None:
    own, settings = make_plan(make_request()), GenerationSettings(8.0, negative_prompt="a | b")
    plan = make_plan(make_request(generation=settings))
    note = study_note(plan, record(plan, 1), STORAGE)
    assert "| drawn with | `--guidance 8 --negative-prompt 'a \\| b'` |" in note
    assert "drawn with" not in study_note(own, record(own, 1), STORAGE)


def test_its_command_asks_for_the_same_study(make_request: MakeRequest, tmp_path: Path) -> None:
    prompts = tmp_path / "my prompts.txt"
    prompts.write_text("a red star\na blue ring\na green cross\n")
    changes = {"num_samples": 3, "batch_size": 2, "seed": 7, "prompts": prompts}
    plan = make_plan(make_request(**changes, methods=("tgate", "deepcache")))
    program, verb, *words = command(study_note(plan, record(plan, 1), STORAGE))
    assert (program, verb) == ("accelfront", "study")
    words.remove("--no-confirm")
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert options.pop("--storage") == STORAGE
    asked: dict[str, Any] = {
        "pipeline": options.pop("--pipeline"),
        "scheduler": options.pop("--scheduler"),
        "methods": tuple(options.pop("--methods").split(",")),
        "prompts": Path(options.pop("--prompts")),
        "device": options.pop("--device"),
    }
    asked |= {name[2:].replace("-", "_"): int(value) for name, value in options.items()}
    assert make_plan(StudyRequest(**asked)).study_name == plan.study_name


@pytest.mark.parametrize(("wanted", "done", "trials"), [(8, 3, "8"), (8, 8, "16"), (12, 12, "16")])
def test_it_asks_for_more_trials_than_are_done(
    make_request: MakeRequest, wanted: int, done: int, trials: str
) -> None:
    plan = make_plan(make_request(trials=wanted))
    words = command(study_note(plan, record(plan, done), STORAGE))
    assert words[words.index("--trials") + 1] == trials


def test_a_finished_study_needs_no_command(make_request: MakeRequest) -> None:
    plan = make_plan(make_request())
    note = study_note(plan, record(plan, 16), STORAGE)
    assert "All points are measured." in note and "accelfront study" not in note


def test_it_has_the_lines_of_python_that_write_the_script_of_the_answer(
    make_request: MakeRequest,
) -> None:
    plan = make_plan(make_request())
    lines = study_note(plan, record(plan, 1), STORAGE).partition("```python\n")[2]
    assert lines.partition("\n```")[0] == python_lines(plan.study_name, STORAGE)
    none = study_note(plan, record(plan, 1, 0.5), STORAGE)
    assert "python" not in none, "there is no answer"
