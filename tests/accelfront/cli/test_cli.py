"""The command line as people and scripts use it."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import struct
import subprocess
import sys
import termios
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from storage.database.opening import open_store
from storage.reading.studies import read_studies
from storage.study_store.attributes import PROTOCOL
from tests.command_line import modules_after, run, run_process
from tests.made_studies import add_point, add_study
from tests.tiers.covering import taking_turns

QUICK = ("--device", "cpu", "--steps", "2", "--num-samples", "2", "--batch-size", "1")

FRONT_FIELDS = {
    "study", "pipeline", "scheduler", "steps", "methods", "device", "model", "loss_budget",
    "doubt", "trials", "foreign_trials", "front", "answer", "bolder", "failed", "budgets",
    "ruled_out", "label", "loss",
}  # fmt: skip

POINT_FIELDS = {
    "trial", "params", "speedup", "speedup_ci", "latency_s", "baseline_latency_s", "clip_loss",
    "clip_loss_ci", "chance_inside", "image_similarity", "judged_speedup", "judged_speedup_ci",
    "judged_latency_s", "judged_clip_loss", "judged_clip_loss_ci",
}  # fmt: skip

MARKS = {
    "disturbed", "confirmed", "metrics", "judged_metrics", "lossy_methods", "worst_loss",
    "judged_worst_loss", "skipped",
}  # fmt: skip
"""What some points have."""


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A storage that the command itself has filled with two small studies."""
    url = f"sqlite:///{tmp_path_factory.mktemp('cli')}/a.db"
    for methods in ("deepcache", "tome"):
        answer = run(
            *("study", *QUICK, "--methods", methods, "--trials", "2", "--storage", url, "--json")
        )
        assert answer.returncode == 0, answer.stderr
        [study] = json.loads(answer.stdout)
        assert study["trials"] == 2
    return url


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    assert modules_after("--help", cwd=tmp_path) == set()


def test_the_version_is_told() -> None:
    answer = run("--version")
    assert (answer.returncode, answer.stdout) == (0, f"accelfront {version('accelfront')}\n")


def test_without_a_command_the_help_is_shown() -> None:
    answer = run()
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "Usage" in answer.stdout and "sweep" in answer.stdout


def test_every_sampler_is_in_the_help() -> None:
    words = run("study", "--help").stdout.replace("│", " ").split()
    assert "auto, grid, gp, tpe, nsga2 or random" in " ".join(words)


@pytest.mark.parametrize("option", ["--storage", "--pipeline", "--methods", "--prompts"])
def test_an_argument_that_is_no_text_is_told_in_a_line(option: str) -> None:
    answer = run("study", option, "caf\udce9")
    assert answer.returncode == 2
    [line] = answer.stderr.splitlines()
    assert "'caf\\udce9' is not UTF-8 text" in line


@pytest.mark.parametrize(
    ("command", "redirected", "code", "told"),
    taking_turns([
        ("front", "> /dev/full", 1, "accelfront: the disk of the output is full"),
        ("front --json", "> /dev/full", 1, "accelfront: the disk of the output is full"),
        ("front", "| head -c 1", 0, ""),
        ("front --json", ">&-", 0, ""),
    ]),
)  # fmt: skip
def test_output_that_goes_nowhere_is_told_without_a_traceback(
    storage: str, command: str, redirected: str, code: int, told: str
) -> None:
    line = f"{sys.executable} -m accelfront {command} --storage {storage} {redirected}"
    done = subprocess.run(line, shell=True, capture_output=True, text=True)
    assert done.returncode == code
    assert done.stderr.startswith(told) and done.stderr.count("\n") == bool(told)


def test_a_terminal_of_few_characters_is_served(storage: str) -> None:
    for command in ("front", "bounds"):
        done = subprocess.run(
            [sys.executable, "-m", "accelfront", command, "--storage", storage],
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
        )
        assert done.returncode == 0
        # `bounds` may tell there what is not reached yet.
        assert b"not reached yet" in done.stderr if command == "bounds" else done.stderr == b""
        assert b"codec" not in done.stderr and done.stderr.isascii()


def without_commands(text: str) -> list[str]:
    """The lines but for those to be copied, which are never broken."""
    return [line for line in text.splitlines() if not line.startswith("accelfront generate ")]


def test_output_in_a_pipe_is_as_wide_in_any_window(storage: str) -> None:
    line = f"{sys.executable} -m accelfront front --storage {storage}"
    texts = set()
    for columns in (40, 200):
        main, window = os.openpty()
        fcntl.ioctl(window, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        done = subprocess.run(line, shell=True, stdin=window, stdout=subprocess.PIPE, text=True)
        os.close(main)
        os.close(window)
        texts.add(done.stdout)
    [text] = texts
    assert max(map(len, without_commands(text))) <= 80


def test_reading_commands_import_no_torch(storage: str, tmp_path: Path) -> None:
    for command in ("front", "studies"):
        assert modules_after(command, "--storage", storage, cwd=tmp_path) == set()


@pytest.mark.parametrize("command", ["study", "studies", "front", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    answer = run(command, "--help")
    assert answer.returncode == 0
    assert "--storage" in answer.stdout


def test_front_json_has_exactly_the_fields_of_the_interface(storage: str) -> None:
    answer = run("front", "--storage", storage, "--json")
    studies = json.loads(answer.stdout)
    assert [study["methods"] for study in studies] == [["deepcache"], ["tome"]]
    for study in studies:
        assert study.keys() == FRONT_FIELDS
        for point in study["front"]:
            assert POINT_FIELDS <= point.keys() <= POINT_FIELDS | MARKS
            for value in ("speedup", "clip_loss"):
                low, high = point[f"{value}_ci"]
                assert low <= point[value] <= high
            ratio = point["baseline_latency_s"] / point["latency_s"]
            assert point["speedup"] == pytest.approx(ratio, rel=1e-5)
        speedups = [point.get("confirmed", point)["speedup"] for point in study["front"]]
        assert speedups == sorted(speedups, reverse=True)


def test_front_of_one_study_as_a_table_fits_80_columns(storage: str) -> None:
    [name, _] = [
        study["study"] for study in json.loads(run("front", "--storage", storage, "--json").stdout)
    ]
    answer = run("front", name, "--storage", storage)
    assert name in answer.stdout
    assert "cache_branch_id=" in answer.stdout
    assert max(map(len, without_commands(answer.stdout))) <= 80
    assert "tome" not in answer.stdout


def test_front_csv_has_a_row_a_point_and_a_column_a_parameter(storage: str) -> None:
    fronts = json.loads(run("front", "--storage", storage, "--json").stdout)
    rows = list(csv.DictReader(io.StringIO(run("front", "--storage", storage, "--csv").stdout)))
    assert len(rows) == sum(len(study["front"]) for study in fronts)
    assert {"study", "speedup", "speedup_ci_low", "cache_interval", "ratio"} <= rows[0].keys()


def test_studies_lists_what_the_storage_holds(storage: str) -> None:
    listed = json.loads(run("studies", "--storage", storage, "--json").stdout)
    assert [(study["trials"], study["points"]) for study in listed] == [(2, 4), (2, 30)]
    assert "2/4" in run("studies", "--storage", storage).stdout


def test_storage_comes_from_the_environment_too(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELFRONT_STORAGE", storage)
    assert len(json.loads(run("studies", "--json").stdout)) == 2


def test_running_a_study_again_measures_nothing_and_prints_the_same(storage: str) -> None:
    command = ("study", *QUICK, "--methods", "tome", "--trials", "2", "--storage", storage)
    before = json.loads(run("front", "--storage", storage, "--json").stdout)[1]
    answer = run(*command, "--json")
    assert "0 of them now" in answer.stderr
    assert json.loads(answer.stdout) == [before]


def test_a_study_tells_when_its_own_baseline_is_poor(storage: str, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(Path(storage.removeprefix("sqlite:///")).read_bytes())
    store = open_store(f"sqlite:///{path}")
    measured_alike = add_study(store, "deepcache", scheduler="UniPC")
    measured_alike.set_user_attr(PROTOCOL, read_studies(store)[0].protocol.as_json())
    nothing = (1.0, 0.9, 1.1), (0.0, -0.01, 0.01)
    add_point(measured_alike, {"cache_interval": 2}, *nothing, baseline_clip_score=1.0)
    store.engine.dispose()
    answer = run(
        *("study", *QUICK, "--methods", "tome", "--trials", "2", "--storage", f"sqlite:///{path}")
    )
    [told] = [line for line in answer.stderr.splitlines() if "without acceleration" in line]
    assert told.startswith("tiny-shapes DDIM 2 without acceleration scores ")
    assert "less than UniPC 20" in told


def test_doctor_finds_this_machine_fit(storage: str) -> None:
    answer = run("doctor", "--storage", storage, "--json")
    assert answer.returncode == 0
    findings = {finding["what"]: finding for finding in json.loads(answer.stdout)}
    assert findings["tgate"]["state"] == "ok"
    assert findings["pipeline tiny-shapes"]["state"] == "ok"
    assert "2 studies" in findings["storage"]["detail"]
    assert findings["metric ssim"] == {"what": "metric ssim", "state": "ok", "detail": "SSIM"}
    assert "package image-reward" in findings["metric image_reward"]["detail"]


def make_files(folder: Path) -> None:
    (folder / "empty.txt").write_text("\n\n")
    (folder / "binary.txt").write_bytes(bytes(range(256)))
    (folder / "notes.db").write_text("these are my notes, and no database" * 100)
    (folder / "file").write_text("")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["study", "--pipeline", "SD9"], "SD9"),
        (["study", "--methods", "turbo"], "turbo"),
        (["study", "--scheduler", "Magic"], "Magic"),
        (["study", "--steps", "0"], "--steps"),
        (["study", "--steps", "3", "--methods", "tgate"], "6 steps"),
        (["study", "--steps", "many"], "--steps"),
        (["study", "--prompts", "missing.txt"], "missing.txt"),
        (["study", "--prompts", "empty.txt"], "empty.txt"),
        (["study", "--prompts", "binary.txt"], "binary.txt"),
        (["study", "--storage", "nonsense"], "sqlite:///"),
        (["study", "--storage", "sqlite:///missing/a.db"], "missing"),
        (["study", "--storage", "sqlite:///file/a.db"], "file"),
        (["study", "--storage", "sqlite:///notes.db"], "notes.db"),
        (["front", "--storage", "postgresql+psycopg://u:secret@127.0.0.1:1/x"], "127.0.0.1"),
        (["study", "--colour", "red"], "--colour"),
        (["front", "--storage", "sqlite:///none.db"], "none.db"),
        (["front", "--json", "--csv"], "--json"),
        (["studies", "--storage", "sqlite:///notes.db"], "notes.db"),
        (["dance"], "dance"),
    ],
)
def test_bad_input_is_told_in_two_lines_and_leaves_nothing(
    arguments: list[str], named: str, tmp_path: Path
) -> None:
    make_files(tmp_path)
    before = contents(tmp_path)
    answer = run(*arguments, cwd=tmp_path)
    assert answer.returncode == 2, answer.stderr
    assert named in answer.stderr
    assert 1 <= len(answer.stderr.strip().splitlines()) <= 2
    # No study's name before it, and no heading of another library.
    assert answer.stderr.startswith("accelfront: ")
    assert "Invalid value: " not in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "secret" not in answer.stderr
    assert answer.stdout == ""
    assert contents(tmp_path) == before


def test_bad_input_is_told_as_shortly_by_the_process(tmp_path: Path) -> None:
    answer = run_process("study", "--pipeline", "SD9", cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "SD9" in answer.stderr
    assert 1 <= len(answer.stderr.strip().splitlines()) <= 2
    assert not list(tmp_path.iterdir())


def contents(folder: Path) -> dict[str, Any]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_unknown_study_is_told_with_those_there_are(storage: str) -> None:
    answer = run("front", "nothing--like--this", "--storage", storage)
    assert answer.returncode == 2
    assert "tiny-shapes--DDIM--2--deepcache" in answer.stderr
