"""`accelfront bounds` and `export`, on a database of made-up studies."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from pathlib import Path

import pytest

from storage.database.opening import open_store
from tests.accelfront.cli.test_cli import POINT_FIELDS
from tests.command_line import modules_after, run
from tests.made_reports import RIVALS, keep, made_study
from tests.made_studies import add_point, add_study, confirm

BOUND_FIELDS = {
    "study", "pipeline", "scheduler", "steps", "methods", "device", "model", "loss_budget",
    "doubt", "trials", "foreign_trials", "answer", "bolder", "bound", "least_lossy", "failed",
    "budgets", "ruled_out", "label", "points", "searched", "command", "loss",
}  # fmt: skip


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two studies: one with a bound, one with all its points outside the loss budget."""
    url = f"sqlite:///{tmp_path_factory.mktemp('bounds')}/a.db"
    store = open_store(url, create=True)
    study = add_study(store, "deepcache", "tgate")
    add_point(study, {"cache_interval": 5, "warm_up": 2}, (4.0, 3.9, 4.1), (0.09, 0.08, 0.1))
    add_point(study, {"cache_interval": 3, "warm_up": 2}, (3.0391, 2.9, 3.1), (0.01, 0.0, 0.02))
    add_point(study, {"cache_interval": 2, "warm_up": 2}, (2.0, 1.9, 2.1), (0.015, 0.0, 0.02))
    add_point(add_study(store, "tome"), {"ratio": 0.5}, (1.2, 1.1, 1.3), (0.05, 0.04, 0.06))
    store.engine.dispose()
    return url


def test_bounds_json_gives_each_study_its_bound_or_null(storage: str) -> None:
    answer = run("bounds", "--storage", storage, "--json")
    assert answer.returncode == 0, answer.stderr
    bounded, without = json.loads(answer.stdout)
    assert bounded.keys() == without.keys() == BOUND_FIELDS
    assert bounded["bound"].keys() == POINT_FIELDS
    assert (bounded["bound"]["speedup"], bounded["bound"]["trial"]) == (3.0391, 1)
    assert bounded["answer"] == bounded["bound"] and bounded["bolder"] is None
    assert without["bound"] is without["answer"] is None
    assert without["least_lossy"]["clip_loss"] == 0.05
    assert (without["searched"], without["points"]) == (False, 24)
    assert without["command"].startswith("accelfront study --pipeline tiny-shapes")


def test_bounds_are_read_at_another_loss_budget_on_demand(storage: str) -> None:
    answer = run("bounds", "--storage", storage, "--req-score-loss", "0.1", "--json")
    bounds = json.loads(answer.stdout)
    assert [(each["loss_budget"], each["bound"]["speedup"]) for each in bounds] == [
        (0.1, 4.0),
        (0.1, 1.2),
    ]


def test_bounds_as_a_table_fit_80_columns_and_name_the_study_without_one(storage: str) -> None:
    lines = run("bounds", "--storage", storage).stdout.splitlines()
    text = "\n".join(lines)
    assert "3.04x 2.90-3.10" in text
    assert "cache_interval=3" in text
    assert any("none yet" in line and "1 of 24" in line for line in lines)
    assert any("●" in line and "3.04x" in line for line in lines)
    assert "no point is inside the loss budget of 2% yet; the least loss is 5.0%, at 1.20x" in (
        " ".join(text.split())
    )
    assert max(map(len, lines)) <= 80


def test_a_bound_is_told_beside_its_rivals_as_text_and_as_json(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    store = open_store(url, create=True)
    keep(store, made_study(RIVALS, methods=("deepcache", "fewer_steps")))
    store.engine.dispose()
    [found] = json.loads(run("bounds", "--storage", url, "--json").stdout)
    assert found["best_lossless"]["trial"] == 1
    assert (found["bound"]["lossless_speedup"], found["bound"]["fewer_steps_speedup"]) == (2.0, 4.0)
    lines = run("bounds", "--storage", url).stdout.splitlines()
    text = " ".join(" ".join(lines).split())
    assert "vs lossless 2.00x" in text and "fewer steps 4.00x" in text
    assert "vs lossless: times as fast as the best lossless point" in text
    assert max(map(len, lines)) <= 80
    rows = csv.DictReader(io.StringIO(run("front", "--csv", "--storage", url).stdout))
    assert {row["trial"]: row["lossless_speedup"] for row in rows}["4"] == "2.0"
    told = " ".join(run("front", "--storage", url).stdout.split())
    assert "2.00 times as fast as the best lossless point (3.20x, trial 1)" in told


def test_bounds_tell_of_a_baseline_that_is_poor_itself(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    store = open_store(url, create=True)
    for scheduler, score in (("DDIM", 0.8), ("UniPC", 0.6)):
        study = add_study(store, "deepcache", scheduler=scheduler)
        add_point(
            study,
            {"cache_interval": 2},
            (1.5, 1.4, 1.6),
            (0.0, -0.01, 0.01),
            baseline_clip_score=score,
        )
    store.engine.dispose()
    words = " ".join(run("bounds", "--storage", url).stdout.split())
    told = "tiny-shapes UniPC 20 without acceleration scores 25.0% less than DDIM 20"
    assert told in words
    assert told not in run("bounds", "--storage", url, "--json").stdout


def test_a_front_comes_with_its_plot_in_80_columns(storage: str) -> None:
    lines = run("front", "--storage", storage).stdout.splitlines()
    assert any("◆1" in line for line in lines)
    # Sentences and commands to copy are not broken; what is drawn keeps to the width.
    drawn = [line for line in lines if not line.startswith(("accelfront ", "Nothing to use"))]
    assert max(map(len, drawn)) <= 80


def test_bounds_and_exports_of_one_study(storage: str) -> None:
    [name, other] = [
        each["study"] for each in json.loads(run("bounds", "--storage", storage, "--json").stdout)
    ]
    [bound] = json.loads(run("bounds", name, "--storage", storage, "--json").stdout)
    [study] = json.loads(run("export", other, "--storage", storage).stdout)
    assert (bound["study"], study["study"]) == (name, other)


def test_search_params_are_exported_as_the_prototype_kept_them(storage: str) -> None:
    answer = run("export", "--format", "search-params", "--storage", storage)
    assert json.loads(answer.stdout) == {
        "('tiny-shapes', 'DDIM', 20, 3.04, 0.02, ['deepcache', 'tgate'])": {
            "cache_interval": 3,
            "warmup": 2,
        }
    }


def test_speedup_bounds_are_exported_and_the_study_without_one_is_told(storage: str) -> None:
    answer = run("export", "--format", "speedup-bounds", "--storage", storage)
    [(key, bound)] = json.loads(answer.stdout).items()
    assert ast.literal_eval(key) == ("tiny-shapes", "DDIM", 20, 0.02, ["deepcache", "tgate"])
    assert bound == 3.0391
    assert "--tome--" in answer.stderr
    assert answer.returncode == 0


def test_csv_and_json_hold_every_completed_trial(storage: str) -> None:
    text = run("export", "--format", "csv", "--storage", storage).stdout
    studies = json.loads(run("export", "--format", "json", "--storage", storage).stdout)
    assert len(list(csv.DictReader(io.StringIO(text)))) == 4
    assert sum(len(study["points"]) for study in studies) == 4


def test_what_was_measured_again_is_in_the_table_and_has_cells_of_its_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    store = open_store(url, create=True)
    study = add_study(store, "deepcache")
    point: dict[str, int | float] = {"cache_interval": 2}
    add_point(study, point, (2.0, 1.9, 2.1), (0.021, 0.018, 0.024))
    add_point(study, {"cache_interval": 3}, (3.0, 2.9, 3.1), (0.05, 0.04, 0.06))
    confirm(study, point, (1.8, 1.7, 1.9), (0.01, 0.008, 0.012))
    store.engine.dispose()
    over, confirmed = csv.DictReader(
        io.StringIO(run("front", "--storage", url, "--csv").stdout), restval=""
    )
    assert (confirmed["speedup"], confirmed["confirmed_speedup"]) == ("2.0", "1.8")
    assert (confirmed["confirmed_speedup_ci_low"], confirmed["confirmed_samples"]) == ("1.7", "32")
    assert over["confirmed_speedup"] == ""
    table = run("bounds", "--storage", url).stdout
    assert "second line" in table
    assert re.search(r"2\.00x 1\.90-2\.10 +\* 2\.1%", table), "the search's, over the budget"
    assert re.search(r"1\.80x 1\.70-1\.90 +1\.0%", table), "by which it is the answer"


def test_a_file_is_replaced_by_what_stdout_would_get(storage: str, tmp_path: Path) -> None:
    out = tmp_path / "bounds.json"
    out.write_text("old")
    command = ("export", "--format", "speedup-bounds", "--storage", storage)
    assert run(*command, "--out", str(out)).stdout == ""
    assert out.read_text() == run(*command).stdout
    assert list(tmp_path.iterdir()) == [out]
    plain = tmp_path / "plain"
    plain.write_text("")
    assert out.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["export", "--format", "xml"], "xml"),
        (["export", "--out", "missing/a.json"], "missing/a.json"),
        (["export", "--out", "."], "folder"),
        (["export", "nothing--like--this"], "nothing--like--this"),
        (["bounds", "--req-score-loss", "2"], "--req-score-loss"),
        (["bounds", "--req-score-loss", "nan"], "--req-score-loss"),
    ],
)
def test_bad_input_is_told_in_two_lines(
    storage: str, arguments: list[str], named: str, tmp_path: Path
) -> None:
    answer = run(*arguments, "--storage", storage, cwd=tmp_path)
    assert answer.returncode == 2, answer.stderr
    assert named in answer.stderr
    assert 1 <= len(answer.stderr.strip().splitlines()) <= 2
    assert answer.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_bounds_and_export_import_no_torch(storage: str, tmp_path: Path) -> None:
    for command in ("bounds", "export"):
        assert modules_after(command, "--storage", storage, cwd=tmp_path) == set()
