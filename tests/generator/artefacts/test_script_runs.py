"""Emitted scripts, run: what they draw, and what they refuse."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline

from accel_space.method import Params
from accel_space.stack import Stack
from generator.artefacts.script import render_script
from generator.artefacts.source import Source
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.schedulers import make_scheduler, scheduler_settings
from storage.records.study import Study
from storage.records.trial import Trial
from tests.generator.artefacts import draw_with_scripts
from tests.generator.made_trials import METHOD_SETS, default_point, made_study, rendered
from tests.tiny_pipelines import PICTURE_SIZE, PROMPTS, save_tiny, tiny_context

_TOME = {"tome.ratio": 0.5, "tome.max_downsample": 1}

STEPS = 8


LOSSLESS = {"compile", "cuda_graph"}
"""What they draw takes a compiler or a GPU."""

FAMILY_SETS = [
    *(
        ("SD1.5", names)
        for names in METHOD_SETS
        if default_point("SD1.5", names) and not LOSSLESS & set(names)
    ),
    ("SD1.5", ("compile", "deepcache")),
    ("SDXL", ("deepcache", "tgate", "tome")),
    ("SDXL", ("tgate",)),
    ("PixArt-alpha", ("tgate",)),
    ("PixArt-Sigma", ("tgate",)),
    ("PixArt-alpha", ("pab", "cfg_cutoff")),
    ("PixArt-alpha", ("first_block_cache",)),
    ("PixArt-alpha", ("taylorseer", "cfg_cutoff")),
]


_SMALLER = {family: {"layers_per_block": 1} for family in ("SD1.5", "SDXL")}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        family: save_tiny(family, folder / family, **_SMALLER.get(family, {}))
        for family in dict.fromkeys(family for family, _ in FAMILY_SETS)
    }


def _stack(pipe: Any, names: tuple[str, ...]) -> Stack:
    return Stack(tiny_context(pipe, names, STEPS))


def _point(stack: Stack) -> Params:
    """The default, with nothing compiled."""
    return stack.default | ({"compile.parts": 0} if "compile.parts" in stack.space else {})


def _tiny_trial(pipe: Any, family: str, names: tuple[str, ...]) -> tuple[Study, Trial]:
    point = _point(_stack(pipe, names))
    return made_study(
        family,
        names,
        point,
        steps=STEPS,
        guidance_scale=5.0,
        height=PICTURE_SIZE,
        width=PICTURE_SIZE,
    )


@pytest.fixture(scope="module")
def drawn(
    models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, tuple[str, ...]], list[torch.Tensor]]:
    """What each script drew, all of them in one process without accelfront."""
    folder = tmp_path_factory.mktemp("scripts")
    pipes = {family: _load(family, models) for family in models}
    jobs = []
    for family, names in FAMILY_SETS:
        stem = f"{family}-{'-'.join(names)}"
        script = rendered(*_tiny_trial(pipes[family], family, names))
        (folder / f"{stem}.py").write_text(script, encoding="utf-8")
        jobs.append(
            {
                "script": f"{stem}.py",
                "model": str(models[family]),
                "prompts": PROMPTS,
                "seed": 3,
                "out": f"{stem}.pt",
            }
        )
    subprocess.run(
        [sys.executable, "-I", draw_with_scripts.__file__],
        input=json.dumps(jobs),
        text=True,
        check=True,
        cwd=folder,
    )

    def read(family: str, names: tuple[str, ...]) -> list[torch.Tensor]:
        pictures: list[torch.Tensor] = torch.load(folder / f"{family}-{'-'.join(names)}.pt")
        return pictures

    return read


def _load(family: str, models: dict[str, Path]) -> Any:
    pipe = DiffusionPipeline.from_pretrained(models[family], safety_checker=None)
    entry = find_pipeline(family)
    settings = scheduler_settings("DDIM", entry.architecture.scheduler, entry.pipeline_class)
    pipe.scheduler = make_scheduler("DDIM", pipe.scheduler.config, settings)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize(
    ("family", "names"), FAMILY_SETS, ids=lambda value: value if isinstance(value, str) else None
)
def test_a_script_draws_what_the_stack_draws(
    models: dict[str, Path],
    drawn: Callable[[str, tuple[str, ...]], list[torch.Tensor]],
    family: str,
    names: tuple[str, ...],
) -> None:
    pipe = _load(family, models)
    stack = _stack(pipe, names)

    with stack.applied(pipe, _point(stack)) as generate:
        expected = generate(
            list(PROMPTS),
            num_inference_steps=STEPS,
            guidance_scale=5.0,
            height=PICTURE_SIZE,
            width=PICTURE_SIZE,
            generator=[torch.Generator().manual_seed(seed) for seed in (3, 4)],
            output_type="pt",
            **find_pipeline(family).family.call,
        ).images

    first, second = drawn(family, names)
    assert torch.equal(first, expected)
    assert torch.equal(second, expected)


def test_a_script_runs_as_a_program(models: dict[str, Path], tmp_path: Path) -> None:
    pipe = _load("SD1.5", models)
    script = tmp_path / "script.py"
    script.write_text(
        render_script(
            *_tiny_trial(pipe, "SD1.5", ("deepcache", "tgate")),
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
