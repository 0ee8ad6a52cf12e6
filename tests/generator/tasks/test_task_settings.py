"""Tasks that say how pictures are to be drawn; sentences do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from generator.tasks.task import read_task
from generator.tasks.writing import task_json
from objectives.errors import InputError
from objectives.settings.generation import AskedLora, GenerationSettings

TASK = {"pipeline": "tiny-shapes", "methods": ["deepcache"], "speedup": 1.2}

ENTRIES = {
    "guidance": 6,
    "size": "1216x832",
    "dtype": "bf16",
    "negative_prompt": "a blue circle",
    "scheduler_options": {"use_karras_sigmas": True, "solver_order": 3},
    "loras": ["style.safetensors:0.8"],
}


def test_an_entry_says_how_pictures_are_drawn() -> None:
    task = read_task(json.dumps(TASK | ENTRIES))
    assert task.settings == GenerationSettings(
        6.0,
        (1216, 832),
        "bfloat16",
        "a blue circle",
        {"use_karras_sigmas": True, "solver_order": 3},
        (AskedLora(Path("style.safetensors"), 0.8),),
    )
    assert task.speedup == 1.2
    again = read_task(json.dumps(task_json(task)))
    assert task_json(again) == task_json(task)
    assert hash(again) == hash(read_task(again.text))


def test_an_entry_without_settings_is_written_without() -> None:
    assert not task_json(read_task(json.dumps(TASK))).keys() & ENTRIES.keys()


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"guidance": "much"}, "guidance: it must be a number, and 'much' was given"),
        ({"guidance": True}, "guidance: it must be a number"),
        ({"guidance": -1}, "guidance: --guidance must be a number from 0 to 1000"),
        ({"size": 512}, "size: it must be text, and 512 was given"),
        ({"size": "big"}, "size: --size is WIDTHxHEIGHT in pixels"),
        ({"dtype": "int8"}, "dtype: --dtype is fp16, bf16, fp32"),
        ({"negative_prompt": ["a"]}, "negative_prompt: it must be text"),
        ({"scheduler_options": ["a=1"]}, "scheduler_options: it must be names with values"),
        ({"scheduler_options": {"a b": 1}}, "scheduler_options: --scheduler-option is NAME=VALUE"),
        ({"loras": {"a": 1}}, "loras: it must be a list of files"),
        ({"gidance": 3}, 'unknown key "gidance"; did you mean guidance?'),
        ({"guidance": 1, "negative_prompt": "a"}, "--negative-prompt does nothing at a guidance"),
    ],
)
def test_what_is_no_setting_is_refused_with_its_key(entry: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError) as caught:
        read_task(json.dumps(TASK | entry))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
