from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from hypothesis import given
from hypothesis import strategies as st

from accel_space.methods import METHODS
from accel_space.stack import Stack
from generator.artefacts.script import render_script, script_name
from generator.artefacts.source import Source
from generator.artefacts.written import literal, literals, plain
from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.schedulers import make_scheduler, scheduler_settings
from storage.records.environment import Environment
from storage.records.study import StudyRecord, TrialRecord
from tests.generator.artefacts import draw_with_scripts
from tests.generator.made_trials import METHOD_SETS, catalogue_trials, made_study, rendered
from tests.tiny_pipelines import PICTURE_SIZE, PROMPTS, save_tiny, tiny_context

GOLDEN = Path(__file__).parents[2] / "golden" / "scripts"

TRIALS = {script_name(study, trial): (study, trial) for study, trial in catalogue_trials()}

LIBRARIES = {method.library for method in METHODS.values() if method.library}

ALLOWED = {"torch", "diffusers"} | LIBRARIES | sys.stdlib_module_names

STEPS = 8


GOLDEN_TRIALS = [
    *(("sd1.5", name) for name in METHODS),
    ("sd1.5", "deepcache-tgate"),
    ("sd1.5", "deepcache-cfg_cutoff"),
    ("sdxl", "deepcache-tgate"),
    ("pixart-alpha", "tgate"),
    ("pixart-sigma", "pab-cfg_cutoff"),
    ("tiny-shapes-xl", "tome"),
]
"""Scripts that are read by people when a template or a method changes."""

GOLDEN_NAMES = [
    f"{pipeline}-ddim-20-{methods.replace('_', '-')}-0a1b2c3d-trial12.py"
    for pipeline, methods in GOLDEN_TRIALS
]


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_a_script_is_its_golden_file(name: str, pytestconfig: pytest.Config) -> None:
    script = rendered(*TRIALS[name])
    if pytestconfig.getoption("--update-golden"):
        (GOLDEN / name).write_text(script, encoding="utf-8")
    assert script == (GOLDEN / name).read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(GOLDEN_NAMES)


def test_every_script_passes_ruff(tmp_path: Path) -> None:
    for name, trial in TRIALS.items():
        (tmp_path / name).write_text(rendered(*trial), encoding="utf-8")
    for length in ("88", "100"):
        for command in (["check", "--select", "E,F"], ["format", "--check"]):
            ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", length]
            done = subprocess.run([*ruff, tmp_path], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", TRIALS)
def test_a_script_compiles_and_imports_nothing_of_ours(name: str) -> None:
    tree = ast.parse(rendered(*TRIALS[name]))
    compile(tree, name, "exec")
    modules = {
        module.partition(".")[0]
        for node in ast.walk(tree)
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules <= ALLOWED


def test_the_combined_loader_is_given_deepcaches_values() -> None:
    params = {"cache_interval": 3, "cache_branch_id": 0, "gate_step": 10}
    params |= {"sp_interval": 1, "fi_interval": 1, "warm_up": 0}

    script = rendered(*made_study("SDXL", ("deepcache", "tgate"), params))

    calls = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Call)]
    (call,) = (call for call in calls if ast.unparse(call.func) == "apply_tgate")
    assert {word.arg: ast.literal_eval(word.value) for word in call.keywords} == params
    assert "DeepCacheSDHelper" not in script


FAMILY_SETS = [
    *(("SD1.5", names) for names in METHOD_SETS),
    ("SDXL", ("deepcache", "tgate", "tome")),
    ("SDXL", ("tgate",)),
    ("PixArt-alpha", ("tgate",)),
    ("PixArt-Sigma", ("tgate",)),
    ("PixArt-alpha", ("pab", "cfg_cutoff")),
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


def _tiny_trial(pipe: Any, family: str, names: tuple[str, ...]) -> tuple[StudyRecord, TrialRecord]:
    point = _stack(pipe, names).default
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

    with stack.applied(pipe, stack.default) as generate:
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


def _import(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("emitted", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_TOME = {"ratio": 0.5, "max_downsample": 1}

hostile = st.text() | st.sampled_from(
    ['"""\nimport os\n"""', "'; import os; '", "{{ 7*7 }}", "{% raw %}", "\\", '\\"', "\n", "\0"]
)


class _TextsGone(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        return ast.Expr(self.visit(node.value))


def _code_of(script: str) -> str:
    return ast.dump(_TextsGone().visit(ast.parse(script)))


@given(hostile, hostile, hostile, hostile, hostile)
def test_no_text_reaches_the_code(
    name: str, device: str, model: str, prompts: str, place: str
) -> None:
    study, trial = made_study("SD1.5", ["tome"], _TOME)
    texts = {"model": model, "prompts": prompts, "scorer": model}
    attacked = replace(
        study,
        name=name,
        protocol=study.protocol.model_copy(update=texts),
        environment=Environment(device=device, versions=dict.fromkeys(study.versions, device)),
    )

    script = render_script(attacked, trial, Source(place or "a place", variant="fp16"))

    assert _code_of(script) == _code_of(rendered(study, trial))
    assert script.encode()
    assert all(letter.isalnum() or letter in ".-" for letter in script_name(attacked, trial))


@given(hostile)
def test_a_literal_means_its_text(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text
    assert ast.literal_eval("(" + "\n".join(literals(text)) + ")") == text
    assert ast.get_docstring(ast.parse(f'"""{plain(text)}"""'), clean=False) == plain(text)


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("scheduler", "os.system('x')"),
        ("scheduler", "DDIMScheduler\nimport os"),
        ("pipeline", "__import__('os')"),
    ],
)
def test_names_that_are_none_are_refused(what: str, value: str) -> None:
    study, trial = made_study("SD1.5", ["tome"], _TOME)

    with pytest.raises(InputError):
        render_script(
            replace(study, combination=study.combination.model_copy(update={what: value})),
            trial,
            Source("m"),
        )


@pytest.mark.parametrize("value", ["0.5; import os", [1], None])
def test_parameters_that_are_no_numbers_are_refused(value: Any) -> None:
    with pytest.raises(InputError, match="ratio"):
        rendered(*made_study("SD1.5", ["tome"], _TOME | {"ratio": value}))


@pytest.mark.parametrize(
    ("scheduler", "class_name"),
    [("DPM-Solver++", "DPMSolverMultistepScheduler"), ("PNDMScheduler", "PNDMScheduler")],
)
def test_any_scheduler_of_diffusers_goes_by_its_class(scheduler: str, class_name: str) -> None:
    script = rendered(*made_study("SD1.5", ["tome"], _TOME, scheduler=scheduler))

    assert f"{class_name}.from_config(" in script


def test_a_script_gives_its_scheduler_what_the_trial_gave() -> None:
    params = {"gate_step": 5, "sp_interval": 1, "fi_interval": 1, "warm_up": 0}
    study, trial = made_study("PixArt-alpha", ["tgate"], params)

    script = rendered(study, trial)
    assert "        clip_sample=False,\n" in script
    assert '        timestep_spacing="linspace",\n' in script
    # The first release gave its schedulers nothing, and its trials are drawn as they were.
    old = rendered(replace(study, scheduler_settings={}), trial)
    assert "    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)\n" in old


@pytest.mark.parametrize(
    "settings",
    [
        {"clip_sample=os.system('x'), thresholding": False},
        {"clip_sample\n": False},
        {"lambda": False},
        {"clip_sample": [False]},
        {"clip_sample": None},
    ],
)
def test_scheduler_settings_that_are_none_are_refused(settings: dict[str, Any]) -> None:
    study, trial = made_study("SD1.5", ["tome"], _TOME)

    with pytest.raises(InputError, match="scheduler_settings"):
        rendered(replace(study, scheduler_settings=settings), trial)


@given(hostile)
def test_words_of_scheduler_settings_stay_words(text: str) -> None:
    study, trial = made_study("SD1.5", ["tome"], _TOME)
    hostile_study = replace(study, scheduler_settings={"timestep_spacing": text})

    tree = ast.parse(rendered(hostile_study, trial))
    words = [
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword)
        and node.arg == "timestep_spacing"
        and isinstance(node.value, ast.Constant)
    ]
    assert words == [text]
