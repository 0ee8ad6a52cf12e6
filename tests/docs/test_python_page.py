"""The Python of docs/python.md is run, all of it as one program."""

from __future__ import annotations

import inspect
import re
import runpy
import shutil
import warnings
from contextlib import chdir
from pathlib import Path

import pytest

import accelfront
from objectives.embedded import PIPELINE_DIR

PAGE = Path(__file__).parents[2] / "docs" / "python.md"

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


LESS = {
    "steps=10": "steps=2",
    "trials=3": "trials=1",
    "trials=2": "trials=1",
    "num_samples=8": "num_samples=2",
}
"""What a reader waits for and a test need not: the lines are the same with less to measure."""


def test_all_of_it_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) == PAGE.read_text(encoding="utf-8").count("```python")
    shutil.copytree(PIPELINE_DIR, tmp_path / "my-pipeline")
    program = "\n".join(blocks)
    for much, less in LESS.items():
        assert much in program
        program = program.replace(much, less)
    (tmp_path / "page.py").write_text(program, encoding="utf-8")

    with chdir(tmp_path), warnings.catch_warnings():
        warnings.simplefilter("error", accelfront.DifferenceWarning)
        runpy.run_path("page.py")

    assert "there is no budget 'clip_los'; did you mean clip_loss?" in capsys.readouterr().out
    for name in ("accelfront.db", "point.json", "draw.py", "my-model/model_index.json"):
        assert (tmp_path / name).is_file()


def test_what_is_public_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in dir(accelfront):
        if not name.startswith("_") and inspect.isclass(getattr(accelfront, name)):
            assert name in text, name
    for member in (*vars(accelfront.Study), *vars(accelfront.Trial)):
        if not member.startswith("_") and member not in ("of", "row"):
            assert member in text, member
