"""`accelfront sweep` on this machine alone, as people and scripts use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import run

SWEEP = """
pipelines: tiny-shapes
schedulers: DDIM
steps: 2
methods: [tgate, deepcache, tome]
protocol: {num_samples: 2, batch_size: 1}
trials: 1
"""
"""Three studies. T-GATE can do nothing in two steps, so one of them is refused."""

REFUSED, *WORKING = (
    "tiny-shapes--DDIM--2--tgate",
    "tiny-shapes--DDIM--2--deepcache",
    "tiny-shapes--DDIM--2--tome",
)


def sweep(
    folder: Path, *options: str, content: str = SWEEP
) -> tuple[int, list[dict[str, Any]], list[str]]:
    """Run a sweep with --json.

    Returns:
        Exit code, what is on stdout, lines on stderr.
    """
    (folder / "sweep.yaml").write_text(content)
    quick = ("--device", "cpu", "--no-confirm", "--storage", "sqlite:///a.db")
    answer = run("sweep", "sweep.yaml", *quick, "--json", *options, cwd=folder)
    return answer.returncode, json.loads(answer.stdout or "[]"), answer.stderr.splitlines()


def test_a_dry_run_counts_and_stores_nothing(tmp_path: Path) -> None:
    content = SWEEP.replace("steps: 2", "steps: [2, 6]").replace(", tome", "")
    content += "exclude: [{steps: 2, methods: deepcache}]\n"
    code, listed, told = sweep(tmp_path, "--dry-run", content=content)
    assert code == 0
    names = [REFUSED, "tiny-shapes--DDIM--6--tgate", "tiny-shapes--DDIM--6--deepcache"]
    assert [each["combination"] for each in listed] == names
    counts = [(each["trials"], each["points"], each["grid"]) for each in listed]
    # Of T-GATE's 120 parameter sets at 6 steps, 8 differ in what they compute.
    assert counts == [(0, 0, 0), (1, 8, 120), (1, 16, 16)]
    assert ["steps" in (each["refused"] or "") for each in listed] == [True, False, False]
    summary = "3 studies: 2 trials, of 24 distinct points, of 136 parameter sets of the full grids"
    assert told == [summary]
    assert not (tmp_path / "a.db").exists()


def test_a_sweep_does_what_it_can_and_a_second_run_measures_nothing_twice(tmp_path: Path) -> None:
    code, rows, told = sweep(tmp_path)
    assert code == 3  # Done in part.
    assert [row["combination"] for row in rows] == [REFUSED, *WORKING]
    assert [row["state"] for row in rows] == ["failed", "done", "done"]
    assert [row["measured"] for row in rows] == [0, 1, 1]
    assert "gate_step" in rows[0]["reason"]
    assert f"{REFUSED} failed: {rows[0]['reason']}" in told
    # Loaded once, for both.
    assert told.count("loading tiny-shapes") == 1

    longer = SWEEP.replace("trials: 1", "trials: 2")
    code, rows, _ = sweep(tmp_path, "--only", "*--[dt][eo]*", content=longer)
    assert code == 0
    assert [(row["measured"], row["trials"]) for row in rows] == [(1, 2), (1, 2)]


def test_a_files_loss_budget_is_for_new_studies_and_the_others_are_told(tmp_path: Path) -> None:
    one = SWEEP.replace("[tgate, deepcache, tome]", "deepcache")
    code, [row], told = sweep(tmp_path, content=one + "loss_budget: 0.4\n")
    assert (code, row["loss_budget"]) == (0, 0.4)
    assert not any("keep their loss budget" in line for line in told)
    code, [row], told = sweep(tmp_path, content=one + "loss_budget: 0.1\n")
    assert (code, row["loss_budget"]) == (0, 0.4)
    [line] = [line for line in told if "keep their loss budget" in line]
    assert "40%" in line and "--req-score-loss 0.1" in line


@pytest.mark.parametrize(
    ("options", "content", "complaint"),
    [
        (
            ("--only", "SDXL--*"),
            SWEEP,
            "--only SDXL--* matches none of 3 studies; a name is like tiny-shapes--",
        ),
        ((), SWEEP.replace("trials", "trails"), "unknown key trails; did you mean trials?"),
        (("--workers", "2"), SWEEP, "--address and --workers are for --engine ray"),
    ],
)
def test_bad_input_is_told_in_a_line(
    options: tuple[str, ...], content: str, complaint: str, tmp_path: Path
) -> None:
    code, _, told = sweep(tmp_path, *options, content=content)
    assert code == 2
    assert len(told) == 1
    assert complaint in told[0]
