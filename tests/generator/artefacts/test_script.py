from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.hooks.mag_cache import FLUX_MAG_RATIOS

from accel_space.methods import METHODS
from generator.artefacts.script import script_name
from objectives.errors import InputError
from storage.records.trial import Trial
from tests.generator.made_trials import catalogue_trials, made_study, rendered, stack_at
from tests.made_records import changed

GOLDEN = Path(__file__).parents[2] / "golden" / "scripts"

LIBRARIES = {method.library for method in METHODS.values() if method.library}

ALLOWED = {"torch", "diffusers"} | LIBRARIES | sys.stdlib_module_names


def _name(pipeline: str, methods: str, scheduler: str = "ddim") -> str:
    return f"{pipeline}-{scheduler}-20-{methods.replace('_', '-')}-0a1b2c3d-trial12.py"


def _alone(method: str) -> str:
    """A method's script for the first of two pipelines that takes it."""
    pipelines = ("SD1.5", "PixArt-alpha")
    return _name(next(each for each in pipelines if stack_at(each, [method])).lower(), method)


@cache
def _scripts() -> dict[str, str]:
    return {script_name(*trial): rendered(*trial) for trial in catalogue_trials()}


GOLDEN_NAMES = [
    *(_alone(name) for name, method in METHODS.items() if not method.is_lossless),
    _name("sd1.5", "deepcache-tgate"),
    _name("sd1.5", "deepcache-cfg_cutoff"),
    _name("sdxl", "deepcache-tgate"),
    _name("sdxl", "deepcache-compile-cuda_graph"),
    _name("pixart-alpha", "tgate"),
    _name("pixart-sigma", "pab-cfg_cutoff"),
    _name("tiny-shapes-xl", "tome"),
    _name("flux.1-dev", "first_block_cache-compile", "flowmatcheuler"),
    _name("tiny-shapes-sd3", "cfg_cutoff-taylorseer", "flowmatcheuler"),
]
"""Scripts that are read by people when a template or a method changes."""


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_a_script_is_its_golden_file(name: str, pytestconfig: pytest.Config) -> None:
    script = _scripts()[name]
    if pytestconfig.getoption("--update-golden"):
        (GOLDEN / name).write_text(script, encoding="utf-8")
    assert script == (GOLDEN / name).read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(GOLDEN_NAMES)


def test_every_script_passes_ruff(tmp_path: Path) -> None:
    for name, script in _scripts().items():
        (tmp_path / name).write_text(script, encoding="utf-8")
    for length in ("88", "100"):
        for command in (["check", "--select", "E,F"], ["format", "--check"]):
            ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", length]
            done = subprocess.run([*ruff, tmp_path], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout


def _imports(script: str) -> set[str]:
    return {
        module.partition(".")[0]
        for node in ast.walk(ast.parse(script))
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }


def test_every_script_compiles_and_imports_nothing_of_ours() -> None:
    odd = {}
    for name, script in _scripts().items():
        compile(script, name, "exec")
        odd[name] = _imports(script) - ALLOWED
    assert len(odd) > 300
    assert not {name: modules for name, modules in odd.items() if modules}


def test_the_combined_loader_is_given_deepcaches_values() -> None:
    params = {"deepcache.cache_interval": 3, "deepcache.cache_branch_id": 0, "tgate.gate_step": 10}
    params |= {"tgate.sp_interval": 1, "tgate.fi_interval": 1, "tgate.warm_up": 0}

    script = rendered(*made_study("SDXL", ("deepcache", "tgate"), params))

    calls = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Call)]
    (call,) = (call for call in calls if ast.unparse(call.func) == "apply_tgate")
    assert {word.arg: ast.literal_eval(word.value) for word in call.keywords} == {
        name.partition(".")[2]: value for name, value in params.items()
    }
    assert "DeepCacheSDHelper" not in script


def _measured(trial: Trial, **changes: Any) -> Trial:
    """A trial that was measured otherwise."""
    return changed(trial, measurement=changed(trial.measurement, **changes))


def _applied_in(script: str) -> list[str]:
    """The functions that a script applies, in order."""
    calls = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Call)]
    names = [ast.unparse(call.func) for call in calls]
    return [name for name in names if name.startswith("apply_")]


def test_a_lossy_method_that_left_nothing_out_is_left_out_of_the_script() -> None:
    params = {"deepcache.cache_interval": 1, "deepcache.cache_branch_id": 0, "tgate.gate_step": 10}
    params |= {"tgate.sp_interval": 1, "tgate.fi_interval": 1, "tgate.warm_up": 0}
    methods = ("deepcache", "tgate", "cuda_graph")
    study, trial = made_study("SDXL", methods, params)

    gated = rendered(study, _measured(trial, lossy_methods=("tgate",)))

    assert _applied_in(gated) == ["apply_tgate", "apply_cuda_graph"]
    # It takes the loader without DeepCache.
    assert "cache_interval=1," not in gated.split("def load_pipeline")[1]
    lossless = rendered(study, _measured(trial, lossy_methods=()))
    assert _applied_in(lossless) == ["apply_cuda_graph"]
    assert "tgate" not in lossless.split("import torch")[1].split("STUDY")[0]
    # Earlier editions did not keep them, and applied all.
    assert _applied_in(rendered(study, trial)) == ["apply_tgate", "apply_cuda_graph"]


def test_a_trial_that_accelerates_nothing_has_no_script() -> None:
    study, trial = made_study("SD1.5", ["tome"], _TOME)

    with pytest.raises(InputError, match=r"trial 12 of .* accelerates nothing"):
        rendered(study, _measured(trial, lossy_methods=()))


@pytest.mark.parametrize(
    ("methods", "params", "decides"),
    [
        (["first_block_cache"], {"first_block_cache.threshold": 0.1}, True),
        (["fewer_steps"], {"fewer_steps.num_inference_steps": 14}, False),
    ],
)
@pytest.mark.parametrize("batch", [1, 4])
def test_the_command_of_a_head_draws_in_the_batches_that_decide(
    methods: list[str], params: dict[str, Any], decides: bool, batch: int
) -> None:
    study, trial = made_study("SD3.5-medium", methods, params, steps=28, batch_size=batch)
    head = " ".join(rendered(study, trial).split('"""')[1].split())

    said = f"First-Block-Cache decides for a whole batch, and was measured in batches of {batch}:"
    assert (said in head) == decides
    # One picture alone decides as a batch of four does not.
    together = decides and batch > 1
    assert ("Equal prompts and seeds, 4 at a time, give the pictures" in head) == together
    assert ("THIS_FILE --prompts prompts.txt" in head) == together
    assert ('THIS_FILE --prompt "a red square"' in head) != together


def test_a_script_is_given_the_generators_of_the_methods_below_a_graph() -> None:
    script = rendered(*made_study("SD1.5", ["tome", "cuda_graph"], _TOME))

    assert "generators=[merging_generators]" in script
    assert "def merging_generators(" in script


def test_a_script_tells_how_long_the_first_generation_took() -> None:
    study, trial = made_study("SDXL", ["cuda_graph"], {})

    assert "    warm-up " not in rendered(study, trial)
    assert "    warm-up     41.5 s for the first" in rendered(
        study, _measured(trial, warmup_s=41.5)
    )


_TOME = {"tome.ratio": 0.5, "tome.max_downsample": 1}


@pytest.mark.parametrize(
    ("scheduler", "class_name"),
    [("DPM-Solver++", "DPMSolverMultistepScheduler"), ("PNDMScheduler", "PNDMScheduler")],
)
def test_any_scheduler_of_diffusers_goes_by_its_class(scheduler: str, class_name: str) -> None:
    script = rendered(*made_study("SD1.5", ["tome"], _TOME, scheduler=scheduler))

    assert f"{class_name}.from_config(" in script


def test_a_script_gives_its_scheduler_what_the_trial_gave() -> None:
    params = {
        "tgate.gate_step": 5,
        "tgate.sp_interval": 1,
        "tgate.fi_interval": 1,
        "tgate.warm_up": 0,
    }
    study, trial = made_study("PixArt-alpha", ["tgate"], params)

    script = rendered(study, trial)
    assert "        clip_sample=False,\n" in script
    assert '        timestep_spacing="linspace",\n' in script
    # The first release gave its schedulers nothing, and its trials are drawn as they were.
    old = rendered(changed(study, scheduler_settings={}), trial)
    assert "    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)\n" in old


@pytest.mark.parametrize("learned", [{}, {"mag_cache": (1.0, 1.25, 0.5, 0.75)}])
def test_a_script_carries_the_ratios_that_were_learned_or_else_those_of_earlier_releases(
    learned: dict[str, tuple[float, ...]],
) -> None:
    point = {"threshold": 0.06, "max_skip_steps": 3, "retention_ratio": 0.2}
    params = {f"mag_cache.{name}": value for name, value in point.items()}
    study, trial = made_study("FLUX.1-dev", ["mag_cache"], params, steps=28)
    script = ast.parse(rendered(changed(study, learned=learned), trial))
    [ratios] = [
        ast.literal_eval(node.value)
        for node in ast.walk(script)
        if isinstance(node, ast.keyword) and node.arg == "mag_ratios"
        if isinstance(node.value, ast.Tuple)
    ]
    expected = torch.tensor(learned["mag_cache"]) if learned else FLUX_MAG_RATIOS
    assert torch.equal(torch.tensor(ratios), expected)
