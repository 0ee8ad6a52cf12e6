"""What a study learned of the plain pipe, where its points are applied."""

from __future__ import annotations

import warnings

import accelfront
from generator.artefacts.point import Point
from tests.generator.made_trials import made_study
from tests.made_records import changed
from tests.tiny_pipelines import CALLS, STEPS, draw, tiny_pipeline


def test_what_the_study_learned_goes_with_the_point() -> None:
    point = {"threshold": 1.0, "max_skip_steps": 1, "retention_ratio": 0.1}
    params = {f"mag_cache.{name}": value for name, value in point.items()}
    study, trial = made_study(
        "PixArt-alpha", ["mag_cache"], params, steps=STEPS, height=32, width=32, dtype="float32"
    )
    learned = {"mag_cache": (1.0, 5.0, 1.1, 5.0, 5.0, 1.2, 5.0, 5.0)}
    pipe, ran = tiny_pipeline("PixArt-alpha"), list[int]()
    attention = pipe.transformer.transformer_blocks[-1].attn1
    with warnings.catch_warnings():
        # It was measured on a GPU.
        warnings.simplefilter("ignore")
        with accelfront.accelerated(pipe, Point.of(changed(study, learned=learned), trial)):
            attention.to_q.register_forward_pre_hook(lambda *_: ran.append(1))
            draw(pipe, 1, **CALLS["PixArt-alpha"])
    # The calls of the ratios 1.1 and 1.2 are left out.
    assert len(ran) == STEPS - 2
