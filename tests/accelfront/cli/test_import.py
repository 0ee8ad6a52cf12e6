"""`accelfront import`, in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from storage.database.imported_points import read_imported_points
from storage.database.opening import open_store
from storage.records.points import by_whole_names
from tests.command_line import run
from tests.made_records import made_combination

DEEPCACHE = "('tiny-shapes', 'DDIM', 6, 1.5, 0.02, ['deepcache'])"
TGATE = "('tiny-shapes', 'DDIM', 20, 1.5, 0.02, ['tgate'])"

GOOD: dict[str, Any] = {
    DEEPCACHE: {"cache_interval": 4, "cache_branch_id": 3},
    TGATE: {"gate_step": 6, "sp_interval": 2, "fi_interval": 1, "warmup": 3},
}


def save(folder: Path, content: Any) -> str:
    file = folder / "params.json"
    file.write_text(json.dumps(content))
    return str(file)


def test_imported_points_are_kept_by_combination_and_measured_first(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    command = ("import", "search-params", save(tmp_path, GOOD), "--storage", url)
    answer = run(*command)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == ""
    assert "accelfront study --pipeline tiny-shapes --scheduler DDIM --steps 6" in answer.stderr
    [point] = read_imported_points(open_store(url).engine, made_combination("tgate"))
    expected = {"gate_step": 6, "sp_interval": 2, "fi_interval": 1, "warm_up": 3}
    assert point == {f"tgate.{name}": value for name, value in expected.items()}
    assert "1 entry: 1 point, 0 new" in run(*command).stderr
    study = run(
        *("study", "--steps", "6", "--methods", "deepcache", "--num-samples", "2"),
        *("--batch-size", "1", "--device", "cpu", "--trials", "1", "--sampler", "tpe"),
        "--no-confirm",
        *("--storage", url, "--json"),
    )
    [measured] = json.loads(study.stdout)
    assert [point["params"] for point in measured["front"]] == [GOOD[DEEPCACHE]]


def test_bad_entries_are_told_one_a_line_and_the_good_ones_kept(tmp_path: Path) -> None:
    bad = {
        "nonsense": {},
        "('tiny-shapes', 'DDIM', 6, 1.5, 0.02, ['turbo'])": {"power": 9},
        "('tiny-shapes', 'DDIM', 6, 1.6, 0.02, ['deepcache'])": {"cache_interval": 4},
    }
    url = f"sqlite:///{tmp_path}/a.db"
    answer = run("import", "search-params", save(tmp_path, bad | GOOD), "--storage", url)
    assert answer.returncode == 3
    lines = answer.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines[:3]] == list(bad)
    assert "turbo" in lines[1]
    assert "cache_branch_id" in lines[2]
    assert "3 entries of the file not imported" in lines[-1]
    points = read_imported_points(open_store(url).engine, made_combination(steps=6))
    assert points == [by_whole_names(GOOD[DEEPCACHE])]


@pytest.mark.parametrize("content", [{}, {"nonsense": {}}, [], "text"])
def test_a_file_without_a_usable_point_makes_no_database(content: Any, tmp_path: Path) -> None:
    file = save(tmp_path, content)
    answer = run("import", "search-params", file, "--storage", f"sqlite:///{tmp_path}/a.db")
    assert answer.returncode == 2
    assert file in answer.stderr
    assert "Traceback" not in answer.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["params.json"]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "binary.json").write_bytes(bytes(range(256)))
    for name in ("missing.json", "binary.json", "."):
        for kind in ("search-params", "votes"):
            answer = run("import", kind, name, cwd=tmp_path)
            assert answer.returncode == 2
            assert name in answer.stderr
            assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_what_is_no_file_of_votes_is_told_before_a_database_is_missed(
    text: str, tmp_path: Path
) -> None:
    (tmp_path / "votes.json").write_text(text)
    answer = run("import", "votes", "votes.json", cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("accelfront: votes.json is no file of votes; name one")
