from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from objectives.errors import InputError
from objectives.settings.generation import AskedLora, GenerationSettings
from objectives.settings.words import read_settings, setting_words


def test_settings_are_read_from_words() -> None:
    assert read_settings() == GenerationSettings()
    read = read_settings(6.0, "1216x832", "bf16", "blurry")
    assert read == GenerationSettings(6.0, (1216, 832), "bfloat16", "blurry")
    assert read_settings(size=" 1216X832").size == (1216, 832)
    assert read_settings(dtype="float16").dtype == "float16"
    options = ["use_karras_sigmas=True", "solver_order=3", "beta_end=1e-2", "spacing=trailing"]
    assert read_settings(scheduler_options=options).scheduler_options == {
        "use_karras_sigmas": True,
        "solver_order": 3,
        "beta_end": 0.01,
        "spacing": "trailing",
    }


def test_a_lora_has_a_scale_behind_its_last_colon() -> None:
    read = read_settings(loras=["a.safetensors", "b.safetensors:0.8", "c:2.safetensors", "d:1:-1"])
    assert read.loras == (
        AskedLora(Path("a.safetensors")),
        AskedLora(Path("b.safetensors"), 0.8),
        AskedLora(Path("c:2.safetensors")),
        AskedLora(Path("d:1"), -1.0),
    )


def test_settings_are_written_with_all_digits_and_no_more() -> None:
    written = dict(setting_words(GenerationSettings(0.0, (1216, 832), "float16")))
    assert written == {"--guidance": "0", "--size": "1216x832", "--dtype": "fp16"}
    assert setting_words(GenerationSettings(1 / 3))[0][1] == "0.3333333333333333"
    assert setting_words(GenerationSettings()) == []


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"size": "1216"}, "--size is WIDTHxHEIGHT in pixels, such as 1216x832, and '1216' was"),
        ({"size": "-8x8"}, "--size is WIDTHxHEIGHT"),
        ({"size": "9999999999x8"}, "--size is WIDTHxHEIGHT"),
        ({"size": "99999x8"}, "--size takes sides of 8 to 8192 pixels, and 99999x8 was given"),
        ({"dtype": "int8"}, "--dtype is fp16, bf16, fp32, and 'int8' was given"),
        ({"guidance": float("inf")}, "--guidance must be a number from 0 to 1000, and inf"),
        ({"scheduler_options": ["karras"]}, "--scheduler-option is NAME=VALUE, such as use_k"),
        ({"scheduler_options": ["a=b c"]}, "--scheduler-option is NAME=VALUE"),
        ({"scheduler_options": ["a=1", "a=2"]}, "--scheduler-option a is given twice"),
        ({"negative_prompt": "a\x00b"}, "--negative-prompt takes one line"),
        ({"negative_prompt": "a\ud800b"}, "--negative-prompt takes one line"),
    ],
)
def test_what_is_no_setting_is_refused_with_the_rule(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError) as caught:
        read_settings(**given)
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)
