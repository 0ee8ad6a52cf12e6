"""A call of a pipe that is guided by a second call of its denoiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from accel_space.handed_over.as_measured import watched
from accel_space.stack import Stack
from tests.generator.artefacts.running.modules import told_by
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
