"""Emitted modules: what a pipe draws with them, what they refuse, and what they warn of."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline

from generator.artefacts.module import module_name, render_module
from generator.artefacts.source import Source
from tests.accel_space.pipe_state import assert_same_state, pipe_state
from tests.generator.artefacts.running.modules import imported, told_by, written_module
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
from tests.generator.made_trials import catalogue_trials, made_study
from tests.made_records import changed
from tests.tiers.covering import covering

SETS = [(family, names) for family, names in FAMILY_SETS if len(names) != 2]
"""Scripts of pairs show that methods go together; modules carry the same source."""


@pytest.fixture(scope="module")
def drawn(drawn_by: Callable[[Render], Drawn]) -> Drawn:
    return drawn_by(written_module)


@pytest.mark.parametrize(
    ("family", "names"),
    covering(SETS, lambda family, names: {family}),
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_pipe_draws_what_the_stack_draws_until_it_is_undone(
    models: dict[str, Path], drawn: Drawn, family: str, names: tuple[str, ...]
) -> None:
    pipe = load(family, models)
    stack = stack_of(pipe, names)
    plain = draw(pipe, family)
    with stack.applied(pipe, point_of(stack)) as generate:
        expected = draw(generate, family)
    first, second, undone = drawn(family, names)
    assert torch.equal(first, expected)
    assert torch.equal(second, expected)
    assert torch.equal(undone, plain)


def test_what_is_as_it_was_measured_is_told_nothing(pipe: Any, deepcache: Any) -> None:
    assert told_by(lambda: deepcache.accelerate(pipe)) == []
    assert told_by(lambda: pipe("a red square", **deepcache.SETTINGS)) == []


def test_a_pipe_that_is_not_as_it_was_measured_is_told(pipe: Any, tmp_path: Path) -> None:
    study, trial = tiny_trial(pipe, "SD1.5", ("deepcache",))
    euler = changed(study.combination, scheduler="EulerDiscreteScheduler")
    protocol = changed(study.protocol, dtype="float16")
    other = changed(study, combination=euler, protocol=protocol)
    module = imported(render_module(other, trial, Source("a/model")), tmp_path)
    assert told_by(lambda: module.accelerate(pipe)) == [
        "its scheduler is DDIMScheduler, and EulerDiscreteScheduler was measured",
        "its weights are float32, and float16 was measured",
        "it is on cpu, and its speed was measured on a GPU",
    ]


def test_the_measured_scheduler_can_be_taken(pipe: Any, tmp_path: Path) -> None:
    study, trial = tiny_trial(pipe, "SD1.5", ("deepcache",))
    euler = changed(study.combination, scheduler="EulerDiscreteScheduler")
    module = imported(written_module(changed(study, combination=euler), trial), tmp_path)
    module.use_scheduler(pipe)
    assert type(pipe.scheduler).__name__ == "EulerDiscreteScheduler"
    assert told_by(lambda: module.accelerate(pipe)) == []


def test_a_scheduler_with_other_settings_is_told(pipe: Any, tmp_path: Path) -> None:
    study, trial = tiny_trial(pipe, "SD1.5", ("deepcache",))
    other = changed(study, scheduler_settings={"timestep_spacing": "linspace"})
    module = imported(written_module(other, trial), tmp_path)
    assert told_by(lambda: module.accelerate(pipe)) == [
        "its scheduler has timestep_spacing='leading', and 'linspace' was measured"
    ]


def test_a_pipe_of_another_class_is_refused(pipe: Any, deepcache: Any) -> None:
    other = StableDiffusionImg2ImgPipeline(**pipe.components)
    with pytest.raises(TypeError, match=r"load it with StableDiffusionPipeline\.from_pretrained"):
        deepcache.accelerate(other)


def test_an_offloaded_pipe_is_refused(pipe: Any, deepcache: Any) -> None:
    pipe._all_hooks = [object()]
    with pytest.raises(RuntimeError, match="remove_all_hooks"):
        deepcache.accelerate(pipe)


def test_a_pipe_is_accelerated_once(pipe: Any, deepcache: Any) -> None:
    undo = deepcache.accelerate(pipe)
    with pytest.raises(RuntimeError, match="accelerated already"):
        deepcache.accelerate(pipe)
    undo()
    undo()
    deepcache.accelerate(pipe)


def test_pipes_that_share_a_denoiser_are_accelerated_one_at_a_time(
    pipe: Any, deepcache: Any
) -> None:
    sharing: Any = StableDiffusionPipeline(**pipe.components)
    plain, before = draw(pipe, "SD1.5"), pipe_state(pipe)
    undo = deepcache.accelerate(pipe)
    accelerated = draw(pipe, "SD1.5")
    with pytest.raises(RuntimeError, match="accelerated already"):
        deepcache.accelerate(sharing)
    assert torch.equal(draw(pipe, "SD1.5"), accelerated)
    undo()
    assert_same_state(pipe_state(pipe), before)
    assert torch.equal(draw(pipe, "SD1.5"), plain)
    deepcache.accelerate(sharing)
    assert torch.equal(draw(sharing, "SD1.5"), accelerated)


def test_what_python_accelerates_a_module_refuses(pipe: Any, deepcache: Any) -> None:
    stack = stack_of(pipe, ("deepcache",))
    with (
        stack.applied(pipe, stack.default),
        pytest.raises(RuntimeError, match="accelerated already"),
    ):
        deepcache.accelerate(StableDiffusionPipeline(**pipe.components))


def test_a_pipe_of_a_class_of_the_callers_own_draws_as_its_parent_does(
    pipe: Any, tgate: Any
) -> None:
    class Mine(StableDiffusionPipeline):
        pass

    mine: Any = Mine(**pipe.components)
    mine.set_progress_bar_config(disable=True)
    undo = tgate.accelerate(pipe)
    expected = draw(pipe, "SD1.5")
    undo()
    tgate.accelerate(mine)
    assert torch.equal(draw(mine, "SD1.5"), expected)


def test_a_module_that_captures_refuses_a_pipe_on_the_cpu(pipe: Any, tmp_path: Path) -> None:
    study, trial = made_study("SD1.5", ["cuda_graph"], {})
    module = imported(render_module(study, trial, Source("a/model")), tmp_path)
    with pytest.raises(RuntimeError, match=r"call pipe\.to\(.cuda.\) first"):
        module.accelerate(pipe)


def test_every_module_passes_ruff(tmp_path: Path) -> None:
    for study, trial in catalogue_trials():
        path = tmp_path / module_name(study, trial)
        path.write_text(render_module(study, trial, Source("a/model")), encoding="utf-8")
    for command in (["check", "--select", "E,F"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", "100"]
        done = subprocess.run([*ruff, tmp_path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_module_can_be_imported_by_its_name() -> None:
    study, trial = made_study("SD1.5", ["deepcache", "cuda_graph"], {})
    assert module_name(study, trial) == "sd1_5_ddim_20_deepcache_cuda_graph_0a1b2c3d_trial12.py"
