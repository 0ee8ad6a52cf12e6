"""`accelfront tasks`, on a database of made-up studies, and in a process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generator.tasks.task_files import read_tasks
from storage.database.opening import open_store
from tests.command_line import modules_after, run
from tests.made_studies import add_point, add_study


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A study whose bound is sure up to 1.9x, and one without a point inside its budget."""
    url = f"sqlite:///{tmp_path_factory.mktemp('tasks')}/a.db"
    store = open_store(url, create=True)
    study = add_study(store, "deepcache", "tgate")
    add_point(study, {"cache_interval": 3, "warm_up": 2}, (2.04, 1.9, 2.1), (0.01, 0.0, 0.02))
    add_point(add_study(store, "tome"), {"ratio": 0.5}, (1.2, 1.1, 1.3), (0.05, 0.04, 0.06))
    store.engine.dispose()
    return url


def test_sentences_come_one_a_line_and_what_was_lowered_is_told(storage: str) -> None:
    answer = run("tasks", "--storage", storage)
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert len(lines) == 3
    assert all("tiny-shapes" in line and "loss at most 2%" in line for line in lines)
    assert [wanted for wanted in ("1.63x", "1.83x", "1.9x") if wanted in answer.stdout] == [
        "1.63x", "1.83x", "1.9x",
    ]  # fmt: skip
    lowered, none, *unreached = answer.stderr.splitlines()
    assert "not reached yet, 1 of 24 points measured" in unreached[-2]
    assert unreached[-1].startswith("accelfront study --pipeline tiny-shapes")
    assert "lowered to 1.90x" in lowered
    assert "--tome--" in none


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("tasks.txt", ()),
        ("tasks.txt", ("--language", "zh")),
        ("tasks.jsonl", ("--format", "jsonl")),
    ],
)
def test_what_is_written_is_a_task_file(
    storage: str, name: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / name
    command = ("tasks", "--storage", storage, "--ratios", "0.5,0.9", *options)
    answer = run(*command, "--out", str(out))
    assert (answer.returncode, answer.stdout) == (0, "")
    assert [getattr(task, "speedup", task) for task in read_tasks(out)] == [1.02, 1.83]


def test_tasks_can_be_made_at_another_loss_budget(storage: str) -> None:
    answer = run(
        *("tasks", "--storage", storage, "--req-score-loss", "0.1"),
        *("--format", "jsonl", "--ratios", "0.9"),
    )
    tasks = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [(task["methods"], task["loss_budget"]) for task in tasks] == [
        (["deepcache", "tgate"], 0.1),
        (["tome"], 0.1),
    ]


@pytest.mark.parametrize("ratios", ["0", "1.1", "0.8,", "nan"])
def test_ratios_that_are_no_shares_are_refused(storage: str, ratios: str) -> None:
    answer = run("tasks", "--storage", storage, f"--ratios={ratios}")
    assert answer.returncode == 2
    assert "--ratios" in answer.stderr
    assert len(answer.stderr.splitlines()) <= 2


def test_a_storage_that_allows_no_task_is_told_with_a_line_a_study(
    storage: str, tmp_path: Path
) -> None:
    out = tmp_path / "tasks.txt"
    command = ("tasks", "--storage", storage, "--req-score-loss", "-0.5", "--out", str(out))
    answer = run(*command)
    assert (answer.returncode, answer.stdout, out.exists()) == (3, "", False)
    studies = [line for line in answer.stderr.splitlines() if ": no task: Nothing to use" in line]
    assert len(studies) == 2
    assert all("no point is inside the loss budget" in line for line in studies)
    assert "measure more points" in answer.stderr


def test_tasks_import_no_torch(storage: str, tmp_path: Path) -> None:
    assert modules_after("tasks", "--storage", storage, cwd=tmp_path) == set()


def test_a_first_task_is_told_its_study_and_leaves_no_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ACCELFRONT_STORAGE", raising=False)
    for task in (
        "FLUX.1-dev, 28 steps, MagCache and compile, at least 2.5x",
        "FLUX.1-dev 28步 MagCache 加 compile 至少 2.5 倍",
    ):
        answer = run("generate", task)
        assert answer.returncode == 3
        assert "accelfront study --pipeline FLUX.1-dev" in answer.stdout
        assert "--methods compile,mag_cache" in answer.stdout and "2.5" in answer.stdout
    assert not list(tmp_path.glob("*.db"))
    named = run(
        "generate", "tiny-shapes, 20 steps, deepcache, 1.5x", "--storage", "sqlite:///other.db"
    )
    assert named.returncode == 2 and "there is no database other.db" in named.stderr
