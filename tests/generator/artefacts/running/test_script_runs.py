"""Emitted scripts, run: what they draw, and what they refuse."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from generator.artefacts.script import render_script
from generator.artefacts.source import Source
from tests.generator.artefacts.running.tiny_trials import (
    FAMILY_SETS,
    Drawn,
    draw,
    drawn_with,
    load,
    point_of,
    save_models,
    stack_of,
    tiny_trial,
)
from tests.generator.made_trials import made_study, rendered

_TOME = {"tome.ratio": 0.5, "tome.max_downsample": 1}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return save_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def drawn(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return drawn_with(rendered, models, tmp_path_factory.mktemp("scripts"), FAMILY_SETS)


@pytest.mark.parametrize(
    ("family", "names"), FAMILY_SETS, ids=lambda value: value if isinstance(value, str) else None
)
def test_a_script_draws_what_the_stack_draws(
    models: dict[str, Path], drawn: Drawn, family: str, names: tuple[str, ...]
) -> None:
    pipe = load(family, models)
    stack = stack_of(pipe, names)

    with stack.applied(pipe, point_of(stack)) as generate:
        expected = draw(generate, family)

    first, second = drawn(family, names)
    assert torch.equal(first, expected)
    assert torch.equal(second, expected)


def test_a_script_runs_as_a_program(models: dict[str, Path], tmp_path: Path) -> None:
    pipe = load("SD1.5", models)
    script = tmp_path / "script.py"
    script.write_text(
        render_script(
            *tiny_trial(pipe, "SD1.5", ("deepcache", "tgate")),
            Source(str(models["SD1.5"]), variant="fp16"),
        )
    )

    subprocess.run(
        [sys.executable, "-I", script, "--prompt", "a red square", "--out", "x.png"],
        check=True,
        cwd=tmp_path,
    )

    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_a_missing_library_is_named_with_what_installs_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(rendered(*made_study("SD1.5", ["tome"], _TOME)))
    run = f"import runpy, sys; sys.modules['tomesd'] = None; runpy.run_path({str(script)!r})"

    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "tomesd" in done.stderr
    assert "pip install torch==2.13.0 diffusers==0.42.1" in done.stderr
    assert "tomesd==0.1.3" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--out", "x.png", "--model", "/nowhere/at/all"], "cannot load /nowhere/at/all"),
        (["--out", "x.txt"], "x.txt is none"),
        (["--out", "no/such/folder/x.png"], "does not exist"),
    ],
)
def test_a_script_refuses_in_one_line_what_it_cannot_use(
    options: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "script.py"
    path.write_text(rendered(*made_study("SD1.5", ["tome"], _TOME)))
    monkeypatch.setattr(sys, "argv", ["script.py", "--prompt", "a red square", *options])

    with pytest.raises(SystemExit) as exit_:
        _import(path).main()

    assert exit_.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_script_that_captures_refuses_a_cpu_before_it_loads(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(rendered(*made_study("SD1.5", ["cuda_graph", "tome"], _TOME)))
    options = ["--prompt", "a red square", "--out", "x.png", "--device", "cpu", "--model", "/none"]

    done = subprocess.run(
        [sys.executable, "-I", script, *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert done.returncode == 2
    assert "this script captures CUDA graphs; give --device cuda" in done.stderr
    assert "Traceback" not in done.stderr


def _import(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("emitted", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
