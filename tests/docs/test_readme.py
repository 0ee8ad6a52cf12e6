"""What the README promises of pipelines, methods and installing."""

from __future__ import annotations

import re
import tomllib
from itertools import combinations
from pathlib import Path

import pytest

from accel_space.applying import find_methods
from accel_space.errors import RefusedError
from accel_space.methods import METHODS
from objectives.pipelines.catalogue import PIPELINES
from studies.planning.stacks import make_stack
from studies.request import StudyRequest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _table_of_methods() -> tuple[list[list[str]], dict[str, list[str]]]:
    """The pipelines of each column, and by method its cells."""
    section = README.partition("## Pipelines and methods")[2].partition("\n## ")[0]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    return [cell.split(", ") for cell in head[1:]], {row[0].strip("`"): row[1:] for row in rows}


def _works(method: str, pipeline: str) -> bool:
    entry = PIPELINES[pipeline]
    request = StudyRequest(pipeline, entry.usual_scheduler, entry.steps, (method,), trials=1)
    try:
        make_stack(request, entry, entry.architecture)
    except RefusedError:
        return False
    return True


@pytest.mark.parametrize("method", METHODS)
def test_the_table_says_on_which_pipelines_a_method_works(method: str) -> None:
    columns, cells = _table_of_methods()
    assert {name for column in columns for name in column} == set(PIPELINES)
    said = {
        name: cell == "yes"
        for column, cell in zip(columns, cells[method], strict=True)
        for name in column
    }
    assert said == {name: _works(method, name) for name in PIPELINES}


def test_the_torch_that_pip_keeps_is_the_one_of_the_project() -> None:
    said = re.findall(r"(torch|torchvision) (\d+\.\d+)", README.partition("## Three commands")[0])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(said) == {("torch", "2.6"), ("torchvision", "0.21")}
    assert {f"{name}>={version}" for name, version in said} <= set(project["dependencies"])


def test_the_readme_stays_short() -> None:
    assert len(README.splitlines()) <= 130


def test_the_pages_show_one_run_of_make_study() -> None:
    """README and concepts quote the output that the quick start shows in full."""
    quickstart, concepts = (
        (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        for name in ("quickstart", "concepts")
    )

    def block_below(words: str, page: str) -> list[str]:
        return page.partition(words)[2].partition("```\n")[2].partition("```")[0].splitlines()

    whole = block_below("the study prints:", quickstart)
    assert set() < set(block_below("part of its output:", README)) < set(whole)
    assert set() < set(block_below("would risk:", concepts)) < set(whole)
    [took] = re.findall(r"took (.+ seconds) for it", README)
    assert f"needed {took}\nfor this" in quickstart


def test_the_page_of_methods_lists_what_cannot_be_stacked() -> None:
    page = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    table = page.partition("| method | not with |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`(\w+)`", line) for line in table.splitlines()]
    said = {frozenset((name, other)) for name, *others in filter(None, rows) for other in others}
    assert said == {frozenset(pair) for pair in combinations(METHODS, 2) if _refused(pair)}


def _refused(pair: tuple[str, str]) -> bool:
    try:
        find_methods(pair)
    except RefusedError:
        return True
    return False
