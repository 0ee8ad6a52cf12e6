"""What was measured under other settings than the pipeline's own, as scripts and modules."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from accel_space.stack import Stack
from generator.artefacts.module import render_module
from generator.artefacts.promise import read_promise
from generator.artefacts.script import render_script
from generator.artefacts.source import find_source
from generator.artefacts.verify import verify
from generator.artefacts.writing.written import literal
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.loras import find_lora
from objectives.pipelines.model import find_model
from objectives.prompts import prompts_fingerprint
from objectives.timing.device import device_name
from storage.records.environment import Environment
from tests.generator.artefacts.forked_runs import runs_forked
from tests.generator.artefacts.running.tiny_trials import SMALLER
from tests.generator.made_trials import made_study, rendered
from tests.made_records import changed
from tests.tiers.covering import taking_turns
from tests.tiny_loras import save_lora
from tests.tiny_pipelines import PROMPTS, save_tiny, tiny_context, tiny_pipeline

_TOME = {"tome.ratio": 0.5, "tome.max_downsample": 1}

STEPS = 8

SETTINGS: dict[str, Any] = {
    "guidance_scale": 3.5,
    "width": 48,
    "height": 32,
    "dtype": "bfloat16",
    "negative_prompt": 'a "blue" circle',
}


@pytest.mark.parametrize(
    ("family", "methods", "render"),
    taking_turns(
        [
            ("SDXL", ("deepcache", "tgate"), render_script),
            ("PixArt-alpha", ("pab",), render_module),
        ]
    ),
)
def test_what_was_measured_is_drawn_under_its_settings(
    family: str, methods: tuple[str, ...], render: Callable[..., str], tmp_path: Path
) -> None:
    """Each family and each kind of file once: what sets the settings is the same source in both."""
    smaller = SMALLER.get(family, {})
    model = save_tiny(family, tmp_path / "tiny", **smaller)
    loras = []
    if family == "SDXL":
        path = save_lora(tiny_pipeline(family, **smaller), tmp_path / "style.safetensors")
        loras = [find_lora(path, 0.5)]
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS))
    study, trial = made_study(
        family,
        methods,
        Stack(tiny_context(tiny_pipeline(family, **smaller), methods, STEPS)).default,
        steps=STEPS,
        model=find_model(find_pipeline(family), str(model), None).name,
        prompts=f"prompts.txt@{prompts_fingerprint(PROMPTS)}",
        num_samples=2,
        batch_size=2,
        loras=[lora.record for lora in loras],
        **SETTINGS,
    )
    chosen = {"timestep_spacing": "trailing"}
    settings = study.scheduler_settings | chosen
    study = changed(study, scheduler_settings=settings, scheduler_options=chosen)
    here = Environment(device=device_name(torch.device("cpu")), versions=study.versions)
    placed = {lora.record.name: str(lora.path) for lora in loras}
    source = find_source(changed(study, files=placed), str(model))
    script = tmp_path / "script.py"
    script.write_text(render(study, trial, source))

    with runs_forked():
        studies = {study.name: changed(study, environment=here)}
        verdict = verify(read_promise(script), studies, None, prompts, "cpu")

    assert verdict.equal, verdict.broken
    # What it would draw without a setting is something else.
    plain = script.read_text().replace(
        literal(str(SETTINGS["negative_prompt"])), literal("a red square")
    )
    assert plain != script.read_text()
    script.write_text(plain)
    with runs_forked():
        other = verify(read_promise(script), {study.name: study}, None, prompts, "cpu")
    assert other.equal is False


@pytest.mark.parametrize(
    ("dtype", "loaded"),
    [
        ("float16", 'torch.float16 if device.startswith("cuda") else torch.float32'),
        ("bfloat16", "torch.bfloat16"),
        ("float32", "torch.float32"),
    ],
)
def test_a_script_loads_the_weights_as_they_were_measured(dtype: str, loaded: str) -> None:
    script = rendered(*made_study("SD1.5", ["tome"], _TOME, dtype=dtype))
    assert f"dtype={loaded},\n" in script


@given(st.text(min_size=1) | st.sampled_from(['"""\nimport os\n"""', "'; import os; '", "\\"]))
def test_a_negative_prompt_stays_a_text(text: str) -> None:
    tree = ast.parse(rendered(*made_study("SD1.5", ["tome"], _TOME, negative_prompt=text)))
    [kept] = [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "NEGATIVE_PROMPT"
        and isinstance(node.value, ast.Constant)
    ]
    assert kept == text


def test_a_chosen_option_of_the_scheduler_stands_behind_what_its_own_one_means() -> None:
    point = {"cfg_cutoff.cutoff_step_index": 8}
    study, trial = made_study("PixArt-alpha", ["cfg_cutoff"], point)
    chosen = {"timestep_spacing": "trailing"}
    settings = study.scheduler_settings | chosen
    script = rendered(changed(study, scheduler_settings=settings, scheduler_options=chosen), trial)
    own, _, other = script.partition("        # Settings that the user chose.\n")
    assert other.startswith('        timestep_spacing="trailing",\n    )\n')
    assert "clip_sample=False" in own and "timestep_spacing" not in own


def test_sides_are_told_as_width_and_height() -> None:
    script = rendered(*made_study("SD1.5", ["tome"], _TOME, width=48, height=32))
    assert "64 of 48x32 pixels" in script
    assert "HEIGHT, WIDTH = 32, 48" in script
