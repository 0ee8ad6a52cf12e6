"""docs/concepts.md: the fields that `--json` prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from generator.bounds import bounds_json
from storage.records.study import Study
from tests import made_reports
from tests.generator.made_trials import made_study

PAGE = (Path(__file__).parents[2] / "docs" / "concepts.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## What `--json` prints")[2]


OF_SOME = {
    "disturbed", "gpu_bound", "hits", "skipped", "peak_memory_mib", "warmup_s", "lossy_methods",
    "lossless_speedup", "fewer_steps_speedup", "metrics", "confirmed", "judged_metrics",
    "judged_peak_memory_mib",
}  # fmt: skip
"""What some points have, told in the sentence that follows."""


def _fields(command: str) -> set[str]:
    """The fields of a command's row, the first span of its last cell."""
    [row] = [line for line in SECTION.splitlines() if line.startswith(f"| {command} ")]
    found = re.search(r"`([a-z_ ]+)`", row.rpartition(" | ")[2])
    assert found is not None
    return set(found[1].split())


@pytest.fixture
def study() -> Study:
    study, _ = made_study("SD1.5", ["deepcache"], {"cache_interval": 3, "cache_branch_id": 0})
    return study


def test_the_fields_of_a_front_are_listed(study: Study) -> None:
    assert _fields("`front`, `study`") == study.as_json().keys()


def test_the_fields_of_a_point_are_listed(study: Study) -> None:
    told = SECTION.partition("A point of `front` or `bounds` has `")[2].partition("`")[0]
    point = study.as_json()["front"][0]
    assert set(told.split()) == point.keys() - OF_SOME


def test_what_a_study_with_lossless_points_adds_is_said() -> None:
    study = made_reports.made_study(made_reports.RIVALS)
    [bound] = [point for point in study.as_json()["front"] if point["trial"] == 4]
    some = SECTION.partition("Some points have more fields:")[2].partition("CSV has")[0]
    told = set(re.findall(r"`([a-z_]+)`", some))
    added = {"warmup_s", "lossy_methods", "lossless_speedup", "fewer_steps_speedup"}
    assert added <= bound.keys() and bound.keys() & OF_SOME <= told >= OF_SOME
    assert study.as_json().keys() - _fields("`front`, `study`") == {"best_lossless"}
    assert "- `best_lossless` is a field of studies that have a lossless point" in SECTION


def test_what_bounds_adds_and_leaves_out_is_said(study: Study) -> None:
    added = bounds_json(study).keys() - study.as_json().keys()
    [row] = [line for line in SECTION.splitlines() if line.startswith("| `bounds` ")]
    assert added == {"bound", "least_lossy", "points", "searched"}
    assert all(f"`{name}`" in row for name in added | {"front", "command"})
