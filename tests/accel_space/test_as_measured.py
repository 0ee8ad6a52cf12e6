"""Calls of pipes that are guided in other ways than by a scale above 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from accel_space.handed_over.as_measured import call_differences, watched
from accel_space.stack import Stack
from generator.artefacts.module import render_module
from generator.artefacts.source import Source
from tests.generator.artefacts.running.modules import told_by
from tests.generator.made_trials import made_study
from tests.tiny_pipelines import CALLS, tiny_context, tiny_pipeline

STEPS = 2

SETTINGS: dict[str, Any] = {
    **CALLS["Qwen-Image"],
    "num_inference_steps": STEPS,
    "negative_prompt": "",
}


LEFT_OUT = {name: value for name, value in SETTINGS.items() if name != "negative_prompt"}

TOLD = "negative_prompt must be given, be it empty, as this pipeline is not guided without one"


@contextmanager
def accelerated(method: str, held: dict[str, str]) -> Iterator[Callable[..., Any]]:
    pipe = tiny_pipeline("Qwen-Image")
    stack = Stack(tiny_context(pipe, [method], STEPS))
    with stack.applied(pipe, stack.default) as generate:
        call = watched(pipe, generate, "transformer", SETTINGS, held)
        yield partial(call, ["a cat"], output_type="latent")


def test_a_call_without_a_negative_prompt_is_told_to_be_unguided() -> None:
    with accelerated("taylorseer", {}) as call:
        assert told_by(lambda: call(**SETTINGS)) == []
        assert told_by(lambda: call(**LEFT_OUT)) == [TOLD]
    with accelerated("taylorseer", {}) as call:
        # Who turns the guidance off needs none.
        assert told_by(lambda: call(**(LEFT_OUT | {"true_cfg_scale": 1.0}))) == [
            "true_cfg_scale is 1.0, and 5.0 was measured"
        ]


def test_a_call_without_a_negative_prompt_is_refused_where_guidance_must_stay() -> None:
    """The cut-off counts two calls of the denoiser a step, and would reuse another step's."""
    with accelerated("cfg_cutoff", {"true_cfg_scale": "it is cut off"}) as call:
        with pytest.raises(ValueError, match=f"^{TOLD}: it is cut off$"):
            call(**LEFT_OUT)
        assert told_by(lambda: call(**SETTINGS)) == []


def test_of_a_pipe_that_is_guided_above_0_other_scales_may_be_asked_for() -> None:
    held = {"guidance_scale": "it is cut off"}
    assert call_differences({"guidance_scale": 0.5}, {"guidance_scale": 4.0}, held, 0.0) == [
        "guidance_scale is 0.5, and 4.0 was measured"
    ]
    for measured in (0.5, 4.0):
        with pytest.raises(ValueError, match="must stay above 0, and is 0: it is cut off"):
            call_differences({"guidance_scale": 0}, {"guidance_scale": measured}, held, 0.0)


@pytest.mark.parametrize(("pipeline", "end"), [("Z-Image", "HELD, 0.0)"), ("SD1.5", "HELD)")])
def test_a_module_knows_above_which_scale_its_pipe_is_guided(pipeline: str, end: str) -> None:
    point = {"cfg_cutoff.cutoff_step_index": 3}
    study, trial = made_study(pipeline, ["cfg_cutoff"], point)
    assert f"SETTINGS, {end}\n" in render_module(study, trial, Source("a/model"))
