"""Which study serves a task where studies were measured under unlike settings."""

from __future__ import annotations

from typing import Any

import pytest

from objectives.settings.generation import GenerationSettings
from storage.records.protocol import Lora
from tests.generator.artefacts.made_emitters import FoundAt, MakeEmitter, make_study, make_task
from tests.made_records import changed

OTHER: dict[str, Any] = {"digest": "0000000a", "num_samples": 500}
"""A study that would be trusted more for its prompts."""

NEGATIVE = "a blue circle"


def test_a_task_without_settings_takes_the_pipelines_own_first(make_emitter: MakeEmitter) -> None:
    own, other = make_study((2.0, 0.01)), make_study((2.0, 0.01), negative_prompt=NEGATIVE, **OTHER)
    outcome = make_emitter(own, other).emit(make_task(1.2))
    assert outcome.chosen is not None and outcome.chosen.study.name == own.name
    assert "measured with" not in outcome.reason


@pytest.mark.parametrize(
    ("protocol", "told"),
    [
        ({"negative_prompt": NEGATIVE}, "it was measured with --negative-prompt 'a blue circle'"),
        ({"guidance_scale": 6.0, "width": 96}, "it was measured with --guidance 6 --size 96x64"),
        ({"dtype": "bfloat16"}, "it was measured with --dtype bf16"),
    ],
)
def test_a_study_of_other_settings_that_serves_is_told(
    make_emitter: MakeEmitter, protocol: dict[str, Any], told: str
) -> None:
    outcome = make_emitter(make_study((2.0, 0.01), **protocol)).emit(make_task(1.2))
    assert outcome.status == "emitted"
    assert told in outcome.reason


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            GenerationSettings(8.0),
            "it was measured with --guidance 12, and --guidance 8 is asked for",
        ),
        (
            GenerationSettings(negative_prompt=NEGATIVE),
            "it was measured with none, and --negative-prompt 'a blue circle' is asked for",
        ),
        (
            GenerationSettings(scheduler_options={"timestep_spacing": "trailing"}),
            "and --scheduler-option timestep_spacing=trailing is asked for",
        ),
    ],
)
def test_a_task_with_settings_is_served_by_a_study_of_them_alone(
    make_emitter: MakeEmitter, settings: GenerationSettings, reason: str
) -> None:
    task, own = make_task(1.2, settings=settings), make_study((2.0, 0.01))
    outcome = make_emitter(own).emit(task)
    assert outcome.status == "not-searched"
    assert reason in outcome.reason

    measured = make_study(
        (2.0, 0.01),
        guidance_scale=settings.guidance_scale or own.protocol.guidance_scale,
        negative_prompt=settings.negative_prompt,
        digest="0000000a",
    )
    options = dict(settings.scheduler_options)
    measured = changed(measured, scheduler_settings=options, scheduler_options=options)
    search = FoundAt(measured)
    found = make_emitter(own, search=search, search_missing=True).emit(task)
    assert [each.settings for each in search.tasks] == [settings]
    assert found.chosen is not None and found.chosen.study.name == measured.name


def test_a_script_whose_lora_is_gone_is_not_written(make_emitter: MakeEmitter) -> None:
    lora = Lora(name="style@0123456789abcdef", scale=0.5)
    outcome = make_emitter(make_study((2.0, 0.01), loras=(lora,))).emit(make_task(1.2))
    assert outcome.status == "failed"
    assert "measured the LoRA style@0123456789abcdef, and style.safetensors is not it" in (
        outcome.reason
    )
    assert "give its file with --lora FILE" in outcome.reason
