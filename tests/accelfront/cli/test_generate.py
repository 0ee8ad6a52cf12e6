"""`accelfront generate`, on a database of made-up studies, and in a process."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from generator.artefacts.point import Point
from objectives.embedded import PIPELINE_DIR, V_DIR
from objectives.timing.device import device_name
from storage.database.opening import open_store
from storage.database.scripts import read_scripts
from storage.study_store import attributes as keys
from tests.command_line import modules_after, run
from tests.generator.made_trials import made_study
from tests.made_studies import add_point, add_study

FIELDS = {
    "task", "status", "reason", "difficulty", "study", "trial", "model", "path", "speedup",
    "clip_loss", "chance_inside", "latency_s", "batch_size", "judged_speedup",
    "judged_speedup_ci", "judged_latency_s", "judged_clip_loss", "judged_clip_loss_ci",
}  # fmt: skip

POINTS = 8

FEASIBLE = [
    f"tiny-shapes, DDIM, 20 steps, DeepCache, at least {1.2 + 0.1 * number:.1f}x, "
    f"loss at most {number + 1}%"
    for number in range(POINTS)
]
"""Each is served by the point of its own number alone, or by a slower one."""

BATCH = [
    *FEASIBLE[:3],
    "tiny-shapes, DDIM, 20 steps, DeepCache, at least 9x, loss at most 2%",
    *FEASIBLE[3:5],
    "tiny-shapes, DDIM, 20 steps, T-GATE, at least 1.2x, loss at most 2%",
    "make it [bold]good[/bold]",
    *FEASIBLE[5:],
    "SD9, DDIM, 20 steps, DeepCache, at least 1.2x, loss at most 2%",
]
"""Twelve, of which four cannot be done."""

LEFT = {4: "infeasible", 7: "not-searched", 8: "unparsed", 12: "unparsed"}


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A study of this machine's CPU; the faster its points, the greater their loss."""
    url = f"sqlite:///{tmp_path_factory.mktemp('generate')}/a.db"
    store = open_store(url, create=True)
    study = add_study(store, "deepcache")
    made, _ = made_study("tiny-shapes", ["deepcache"], {})
    here = {"device": device_name(torch.device("cpu")), "versions": made.versions}
    study.set_user_attr(keys.PROTOCOL, made.protocol.as_json())
    study.set_user_attr(keys.ENVIRONMENT, here)
    for number in range(POINTS):
        speedup, loss = 1.3 + 0.1 * number, 0.006 + 0.01 * number
        add_point(
            study,
            {"cache_interval": 2 + number, "cache_branch_id": 0},
            (speedup, speedup - 0.05, speedup + 0.05),
            (loss, loss - 0.003, loss + 0.003),
        )
    store.engine.dispose()
    return url


def generate(storage: str, *arguments: str, cwd: Path) -> list[dict[str, Any]]:
    answer = run("generate", *arguments, "--storage", storage, "--device", "cpu", "--json", cwd=cwd)
    assert answer.returncode in (0, 3), answer.stderr
    outcomes: list[dict[str, Any]] = json.loads(answer.stdout)
    found = [outcome.keys() - {"judged_metrics", "judged_worst_loss"} for outcome in outcomes]
    assert found == [FIELDS] * len(outcomes)
    assert (answer.returncode == 0) == all(each["status"] == "emitted" for each in outcomes)
    return outcomes


def test_a_batch_writes_what_it_can_and_tells_what_it_cannot(storage: str, tmp_path: Path) -> None:
    (tmp_path / "tasks.txt").write_text("\n".join(BATCH), encoding="utf-8")
    answer = run(
        *("generate", "--tasks", "tasks.txt", "--storage", storage, "--device", "cpu"), cwd=tmp_path
    )
    assert answer.returncode == 3, answer.stderr
    assert len(list((tmp_path / "scripts").iterdir())) == 8
    text = " ".join(answer.stdout.split())
    for reason in ("beyond the bound", "no study has measured", '"SD9" is not known', "[bold]"):
        assert reason in text
    *table, _ = answer.stdout.split("\n")
    # Paths and commands, which are to be copied, are never broken.
    drawn = [line for line in table if not re.match(r"\d+: ", line)]
    assert len(drawn) == len(table) - 9 and max(map(len, drawn)) <= 80
    assert re.search(r"^ +#  speedup +CLIP loss +inside +difficulty +$", answer.stdout, re.M)
    [command] = [line for line in table if line.startswith("7: ")]
    assert command.startswith("7: accelfront study --pipeline tiny-shapes")
    assert "--methods tgate" in command and "--req-speedup 1.2" in command


def test_a_point_is_written_as_json_for_programs(storage: str, tmp_path: Path) -> None:
    [outcome] = generate(storage, FEASIBLE[2], "--as", "json", cwd=tmp_path)
    point = Point.read(tmp_path / outcome["path"])
    assert (point.provenance.study, point.provenance.trial) == (outcome["study"], 2)
    assert point.promised.budgets["clip_loss"] == 0.03
    assert point.figures.speedup == outcome["speedup"]


def test_a_module_is_written_under_a_name_that_can_be_imported(
    storage: str, tmp_path: Path
) -> None:
    [outcome] = generate(storage, FEASIBLE[2], "--as", "module", cwd=tmp_path)
    path = tmp_path / outcome["path"]
    assert path.stem.isidentifier()
    assert "def accelerate(pipe: Any)" in path.read_text()


def test_a_service_is_written_with_the_chosen_trial_as_its_balanced_quality(
    storage: str, tmp_path: Path
) -> None:
    [outcome] = generate(storage, FEASIBLE[2], "--as", "service", cwd=tmp_path)
    path = tmp_path / outcome["path"]
    assert path.stem.isidentifier()
    assert re.search(r"^    balanced    trial 2, 1\.50x", path.read_text(), re.MULTILINE)


def test_a_batch_as_json_has_an_entry_a_task_in_their_order(storage: str, tmp_path: Path) -> None:
    (tmp_path / "tasks.txt").write_text("\n".join(BATCH), encoding="utf-8")
    outcomes = generate(storage, "--tasks", "tasks.txt", "--out", "a/b", cwd=tmp_path)
    assert [outcome["task"] for outcome in outcomes] == BATCH
    statuses = {
        number: outcome["status"]
        for number, outcome in enumerate(outcomes, 1)
        if outcome["status"] != "emitted"
    }
    assert statuses == LEFT
    store = open_store(storage)
    for outcome in outcomes:
        if outcome["status"] == "emitted":
            script = tmp_path / outcome["path"]
            found = read_scripts(store.engine, sha256(script.read_bytes()).hexdigest())
            assert outcome["task"] in [record.task for record in found]
            assert str(script) in [record.path for record in found]
    store.engine.dispose()


def test_a_chinese_task_does_the_same_as_its_english_twin(storage: str, tmp_path: Path) -> None:
    english, chinese = generate(
        storage,
        "tiny-shapes with DDIM, 20 steps, accelerated by DeepCache, at least 1.3x speedup, "
        "precision loss no more than 0.02",
        "用DeepCache加速tiny-shapes,DDIM采样20步,加速比不低于1.3x,精度损失不超过0.02",
        cwd=tmp_path,
    )
    assert english.pop("task") != chinese.pop("task")
    assert english == chinese
    assert (english["status"], english["trial"], english["difficulty"]) == ("emitted", 1, "normal")


@pytest.mark.parametrize(("policy", "trial"), [("fastest", 7), ("closest", 2), ("best-quality", 2)])
def test_the_policy_decides_among_the_trials_that_serve(
    storage: str, policy: str, trial: int, tmp_path: Path
) -> None:
    task = "tiny-shapes, DDIM, 20 steps, DeepCache, at least 1.41x, loss at most 0.1"
    [outcome] = generate(storage, task, "--policy", policy, cwd=tmp_path)
    assert outcome["trial"] == trial


def test_shares_of_the_bound_say_what_is_hard(storage: str, tmp_path: Path) -> None:
    [outcome] = generate(storage, FEASIBLE[0], "--easy", "0.5", "--hard", "0.6", cwd=tmp_path)
    assert outcome["difficulty"] == "hard"


def test_another_machines_study_serves_only_if_asked_for_by_name(
    storage: str, tmp_path: Path
) -> None:
    device = device_name(torch.device("cpu"))
    command = ("generate", FEASIBLE[0], "--storage", storage, "--json", "--device")
    elsewhere = run(*command, "another GPU", cwd=tmp_path)
    assert elsewhere.returncode == 3
    [outcome] = json.loads(elsewhere.stdout)
    assert outcome["status"] == "not-searched"
    assert f'--device "{device}"' in outcome["reason"]
    assert run(*command, device, cwd=tmp_path).returncode == 0


def test_tables_fit_80_columns_and_files_stand_on_lines_to_copy(
    storage: str, tmp_path: Path
) -> None:
    out = tmp_path / "a-folder-with-a-long-name" / "and-another-one-within"
    tasks = (FEASIBLE[0], "tiny-shapes, DeepCache, at least 90x")
    answer = run("generate", *tasks, "--out", str(out), "--storage", storage, cwd=tmp_path)
    assert answer.returncode == 3
    [script] = out.iterdir()
    lines = answer.stdout.splitlines()
    assert f"1: {script}" in lines
    assert max(len(line) for line in lines if not line.startswith(("1: ", "2: "))) <= 80


def test_a_study_that_the_device_refuses_is_told_in_words_and_not_offered(
    storage: str, tmp_path: Path
) -> None:
    for task, why in (
        ("tiny-shapes, DeepCache + cuda_graph", "the device is cpu; leave it out"),
        ("tiny-shapes-dit, DeepCache", "DeepCache needs a UNet"),
    ):
        [outcome] = generate(storage, task, "--device", "cpu", cwd=tmp_path)
        assert outcome["status"] == "infeasible"
        assert why in outcome["reason"] and "accelfront study" not in outcome["reason"]


def test_a_study_of_another_model_does_not_serve(storage: str, tmp_path: Path) -> None:
    [outcome] = generate(storage, FEASIBLE[0], "--model", str(V_DIR), cwd=tmp_path)
    assert outcome["status"] == "not-searched"
    assert "another model, tiny-shapes@" in outcome["reason"]


def test_a_task_about_one_picture_asks_for_a_study_of_single_ones(
    storage: str, tmp_path: Path
) -> None:
    task = "tiny-shapes, DDIM, 20 steps, DeepCache, under 60 s per image, loss at most 10%"
    [outcome] = generate(storage, task, cwd=tmp_path)
    assert outcome["status"] == "not-searched"
    assert "the study timed batches of 4" in outcome["reason"]
    assert "accelfront study --pipeline tiny-shapes" in outcome["reason"]
    assert "--batch-size 1" in outcome["reason"] and "--req-time 60" in outcome["reason"]


def test_a_missing_study_is_run_on_a_local_model_and_its_trial_written(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    arguments = ("SD1.5 with DDIM, 2 steps, accelerated by DeepCache, loss no more than 0.5",)
    model = ("--model", str(PIPELINE_DIR))
    searching = ("--search-missing", "--scorer", "tiny-shapes", "--num-samples", "2")
    [searched] = generate(url, *arguments, *model, *searching, "--trials", "2", cwd=tmp_path)
    # Two pictures may leave their intervals too wide; a point was measured at least.
    assert searched["status"] in ("emitted", "not-searched")
    assert searched["study"].startswith("SD1.5--DDIM--2--deepcache--")
    [found] = generate(url, *arguments, *model, cwd=tmp_path)
    assert (found["status"], found["trial"]) == (searched["status"], searched["trial"])
    if found["path"]:
        assert str(PIPELINE_DIR) in (tmp_path / found["path"]).read_text(encoding="utf-8")


def test_a_search_for_a_task_leaves_the_studys_loss_budget(tmp_path: Path) -> None:
    quick = ("--num-samples", "2", "--storage", f"sqlite:///{tmp_path}/a.db")
    study = ("study", "--steps", "2", "--methods", "deepcache", "--device", "cpu", "--trials", "1")
    begun = run(*study, "--req-score-loss", "0.03", "--no-confirm", *quick, cwd=tmp_path)
    assert begun.returncode == 0, begun.stderr
    task = "tiny-shapes, DDIM, 2 steps, DeepCache, at least 1.01x, loss at most -99%"
    answer = run(
        *("generate", task, "--search-missing", "--trials", "2", "--device", "cpu"),
        *quick,
        cwd=tmp_path,
    )
    assert answer.returncode == 3, answer.stderr
    [bound] = json.loads(run("bounds", "--json", *quick[2:], cwd=tmp_path).stdout)
    assert (bound["trials"], bound["loss_budget"]) == (2, 0.03)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "a task is missing"),
        (["--tasks", "missing.txt"], "missing.txt"),
        ([FEASIBLE[0], "--out", "file"], "--out"),
        ([FEASIBLE[0], "--easy", "2"], "--easy"),
        ([FEASIBLE[0], "--policy", "slowest"], "--policy: 'slowest' is not one of"),
        ([FEASIBLE[0], "--storage", "sqlite:///missing.db"], "missing.db"),
        ([FEASIBLE[0], "--search-missing", "--trials", "0"], "--trials"),
    ],
)
def test_bad_input_is_told_in_two_lines_and_nothing_is_done(
    storage: str, arguments: list[str], named: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("kept")
    answer = run("generate", "--storage", storage, *arguments, cwd=tmp_path)
    assert answer.returncode == 2, answer.stderr
    assert named in answer.stderr
    assert 1 <= len(answer.stderr.strip().splitlines()) <= 2
    assert answer.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_generate_imports_no_torch(storage: str, tmp_path: Path) -> None:
    assert (
        modules_after(*("generate", *BATCH, "--storage", storage, "--device", "cpu"), cwd=tmp_path)
        == set()
    )
