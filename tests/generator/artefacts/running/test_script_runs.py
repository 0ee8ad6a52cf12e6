"""Emitted scripts, run: what they draw, and what they refuse."""

from __future__ import annotations

import importlib.util
import runpy
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from generator.artefacts.script import render_script
from generator.artefacts.source import Source
from tests.generator.artefacts.running.tiny_trials import (
    FAMILY_SETS,
    Drawn,
    Render,
    draw,
    load,
    point_of,
    stack_of,
    tiny_trial,
)
from tests.generator.made_trials import made_study, rendered
from tests.made_records import changed
from tests.tiers.covering import covering

ON_CPU = ("--device", "cpu")

_TOME = {"tome.ratio": 0.5, "tome.max_downsample": 1}


@pytest.fixture(scope="module")
def drawn(drawn_by: Callable[[Render], Drawn]) -> Drawn:
    return drawn_by(rendered)


@pytest.mark.parametrize(
    ("family", "names"),
    covering(FAMILY_SETS, lambda family, names: {family, *names}),
    ids=lambda value: value if isinstance(value, str) else None,
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


def test_a_script_run_as_a_program_draws_many_prompts_as_the_pipeline_draws_them(
    models: dict[str, Path], tmp_path: Path
) -> None:
    pipe = load("SD1.5", models)
    study, trial = tiny_trial(pipe, "SD1.5", ("deepcache",))
    script = tmp_path / "script.py"
    script.write_text(render_script(study, trial, Source(str(models["SD1.5"]), variant="fp16")))
    (tmp_path / "more.txt").write_text("two blue circles\n\na green star\n")
    options = ["--prompt", "a red square", "--prompts", "more.txt", "--batch", "2", "--seed", "3"]
    options += ["--negative-prompt", "a ring", "--steps", "5", "--size", "48x32"]

    command = [sys.executable, "-I", str(script), *options, "--out", "x.png", *ON_CPU]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["x-1.png", "x-2.png", "x-3.png"]
    stack = stack_of(pipe, ("deepcache",))
    prompts = ("a red square", "two blue circles", "a green star")
    with stack.applied(pipe, point_of(stack)) as generate:
        expected = [
            picture
            for some in ((0, 1), (2,))
            for picture in generate(
                [prompts[at] for at in some],
                negative_prompt=["a ring"] * len(some),
                num_inference_steps=5,
                guidance_scale=5.0,
                width=48,
                height=32,
                generator=[torch.Generator().manual_seed(3 + at) for at in some],
            ).images
        ]
    for number, picture in enumerate(expected, 1):
        with Image.open(tmp_path / f"x-{number}.png") as drawn:
            assert drawn.tobytes() == picture.tobytes()


def _refusal(
    script: Path,
    options: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """What a script that refuses its options says; called here, as a process begins slowly."""
    monkeypatch.setattr(sys, "argv", ["script.py", "--prompt", "a red square", *options])
    with pytest.raises(SystemExit) as ended:
        _import(script).main()
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_a_script_offers_a_negative_prompt_where_it_does_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script.py"
    options = ("--out", "x.png", "--negative-prompt", "a ring", *ON_CPU)
    # Guided by an input, and not at all.
    for pipeline, guidance in (("tiny-shapes-flux", 3.5), ("tiny-shapes-sd3", 1.0)):
        study = made_study(
            pipeline,
            ["fewer_steps"],
            {"fewer_steps.num_inference_steps": 10},
            guidance_scale=guidance,
        )
        script.write_text(rendered(*study))
        told = _refusal(script, options, monkeypatch, capsys)
        assert "unrecognized arguments: --negative-prompt" in told


def test_a_script_says_what_its_method_does_not_let_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script.py"
    gate = {"gate_step": 10, "sp_interval": 1, "fi_interval": 1, "warm_up": 0}
    params = {f"tgate.{name}": value for name, value in gate.items()} | _TOME
    text = rendered(*made_study("SD1.5", ["tgate", "tome"], params))
    script.write_text(text)
    assert "The number of steps stays 20: T-GATE's gate stands at one of these steps.\n" in text
    assert "The size stays 512x512: ToMe merges the tokens of grids of this size.\n" in text
    options = ("--out", "x.png", "--steps", "10", *ON_CPU)
    told = _refusal(script, options, monkeypatch, capsys)
    assert "unrecognized arguments: --steps 10" in told


def test_a_script_of_a_gpu_does_not_fall_back_to_the_cpu(
    models: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    pipe = load("SD1.5", models)
    study, trial = tiny_trial(pipe, "SD1.5", ("deepcache",))
    script = tmp_path / "script.py"
    script.write_text(render_script(study, trial, Source(str(models["SD1.5"]))))
    told = _refusal(script, ("--out", "x.png"), monkeypatch, capsys)
    assert "measured on a GPU, and torch sees none here; --device cpu draws" in told
    assert not (tmp_path / "x.png").exists()
    here = changed(trial, measurement=changed(trial.measurement, peak_memory_mib=None))
    script.write_text(render_script(study, here, Source(str(models["SD1.5"]))))
    _import(script).main()
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_a_missing_library_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.py"
    script.write_text(rendered(*made_study("SD1.5", ["tome"], _TOME)))
    monkeypatch.setitem(sys.modules, "tomesd", None)

    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script))

    # Python writes a text that a program ends with to stderr, and ends with 1.
    told = str(ended.value.code)
    assert "tomesd" in told
    assert "pip install torch==2.13.0 diffusers==0.42.1" in told
    assert "tomesd==0.1.3" in told


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            ["--out", "x.png", "--model", "/nowhere/at/all", "--device", "cpu"],
            "cannot load /nowhere/at/all",
        ),
        (["--out", "x.png", "--batch", "0"], "--batch and --steps are at least 1"),
        (["--out", "x.png", "--prompts", "no-such-file"], "cannot read no-such-file"),
        (["--out", "x.png", "--size", "64x64"], "unrecognized arguments: --size 64x64"),
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
    assert complaint in _refusal(path, options, monkeypatch, capsys)


def test_a_script_that_captures_refuses_a_cpu_before_it_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script.py"
    script.write_text(rendered(*made_study("SD1.5", ["cuda_graph", "tome"], _TOME)))
    options = ["--out", str(tmp_path / "x.png"), "--device", "cpu", "--model", "/none"]

    told = _refusal(script, options, monkeypatch, capsys)

    assert "this script captures CUDA graphs; give --device cuda" in told


def _import(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("emitted", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
