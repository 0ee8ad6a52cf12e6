"""`import accelfront` is quick: what is heavy comes with its first use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import accelfront

HEAVY = {"torch", "diffusers", "transformers", "optuna", "plotly", "pydantic", "sqlalchemy", "rich"}

LEAST_OF = 5
"""Imports timed; another process may take the machine for a while."""

SECONDS = 0.3


def loaded_after(code: str) -> set[str]:
    """The libraries of a fresh process that ran some code."""
    told = "import json, sys; print(json.dumps([n.partition('.')[0] for n in sys.modules]))"
    found = subprocess.run(
        [sys.executable, "-c", f"{code}\n{told}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(found.stdout))


def test_the_import_loads_nothing_heavy() -> None:
    assert not loaded_after("import accelfront; dir(accelfront)") & HEAVY


def test_reading_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import accelfront\n"
        f"try: accelfront.open('sqlite:///{tmp_path}/none.db')\n"
        "except accelfront.AccelfrontError: pass"
    )
    assert not loaded_after(code) & {"torch", "diffusers", "transformers"}


def test_the_import_takes_no_time() -> None:
    code = "import time; t = time.perf_counter(); import accelfront; print(time.perf_counter() - t)"
    taken = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(LEAST_OF)
    ]
    assert min(taken) < SECONDS


def test_every_name_is_there() -> None:
    names = {name for name in dir(accelfront) if not name.startswith("_")}
    assert {"search", "open", "Study", "Trial", "AccelfrontError"} <= names
    for name in names:
        assert getattr(accelfront, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        accelfront.serach  # noqa: B018
