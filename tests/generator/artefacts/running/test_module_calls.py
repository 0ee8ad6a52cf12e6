"""What calls of a pipe with an emitted module warn of, and refuse."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.generator.artefacts.running.modules import told_by
from tests.generator.artefacts.running.tiny_trials import STEPS


def test_a_call_that_differs_is_told_once(pipe: Any, deepcache: Any) -> None:
    deepcache.accelerate(pipe)
    call = {**deepcache.SETTINGS, "num_inference_steps": 5, "guidance_scale": 3.0}
    assert told_by(lambda: [pipe("a red square", **call) for _ in range(2)]) == [
        f"num_inference_steps is 5, and {STEPS} was measured",
        "guidance_scale is 3.0, and 5.0 was measured",
    ]


def test_what_a_call_leaves_out_counts_as_the_pipelines_own(pipe: Any, deepcache: Any) -> None:
    deepcache.accelerate(pipe)
    # The tiny pipeline's own size is the measured one.
    assert told_by(lambda: pipe("a red square", num_inference_steps=STEPS)) == [
        "guidance_scale is 7.5, and 5.0 was measured"
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"num_inference_steps": 5}, f"num_inference_steps must stay {STEPS}, and is 5: T-GATE's"),
        ({"guidance_scale": 1.0}, "guidance_scale must stay above 1, and is 1.0: T-GATE halves"),
    ],
)
def test_what_a_method_depends_on_is_refused(
    pipe: Any, tgate: Any, change: dict[str, Any], told: str
) -> None:
    tgate.accelerate(pipe)
    with pytest.raises(ValueError, match=re.escape(told)):
        pipe("a red square", **(tgate.SETTINGS | change))
    # Another scale that is on as well works, and is told.
    assert told_by(lambda: pipe("a red square", **(tgate.SETTINGS | {"guidance_scale": 3.0}))) == [
        "guidance_scale is 3.0, and 5.0 was measured"
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"num_inference_steps": None},
            "num_inference_steps must be a whole number from 1, and",
        ),
        (
            {"num_inference_steps": 0},
            "num_inference_steps must be a whole number from 1, and 0",
        ),
        ({"guidance_scale": None}, "guidance_scale must be a number, and None was given"),
        ({"height": "64"}, "height must be a whole number from 1, and '64' was given"),
    ],
)
def test_what_is_no_number_is_refused(
    pipe: Any, tgate: Any, change: dict[str, Any], told: str
) -> None:
    tgate.accelerate(pipe)
    with pytest.raises(ValueError, match=re.escape(told)):
        pipe("a red square", **(tgate.SETTINGS | change))


ODD_CALLS = [
    ({"negative_prompt": "ugly"}, "negative_prompt is given, and none was measured"),
    ({"guidance_rescale": 0.7}, "guidance_rescale is 0.7, and 0.0 was measured"),
    ({"eta": 0.5}, "eta is 0.5, and 0.0 was measured"),
    ({"negative_prompt": ""}, None),
    (
        {
            "prompt": ["a red square"],
            "negative_prompt": [""],
            "clip_skip": None,
            "output_type": "latent",
        },
        None,
    ),
]
"""What a call adds to the settings, and what is told of that."""


@pytest.mark.parametrize(("asked", "told"), ODD_CALLS)
def test_what_changes_pictures_and_was_not_measured_is_told(
    pipe: Any, deepcache: Any, asked: dict[str, Any], told: str | None
) -> None:
    deepcache.accelerate(pipe)
    assert told_by(lambda: pipe(**{"prompt": "a red square", **deepcache.SETTINGS, **asked})) == (
        [] if told is None else [told]
    )


@pytest.mark.parametrize("name", ["timesteps", "sigmas"])
def test_steps_of_the_callers_own_are_refused_where_a_method_depends_on_them(
    pipe: Any, tgate: Any, name: str
) -> None:
    tgate.accelerate(pipe)
    with pytest.raises(ValueError, match=f"{name} must be left out, as they set other steps: T-G"):
        pipe("a red square", **tgate.SETTINGS, **{name: [900, 500, 100]})
