from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from objectives.protocol import Protocol, prompts_fingerprint

FIELDS: dict[str, Any] = {
    "model": "m@1",
    "scorer": "s@1",
    "prompts": "p.txt@1",
    "num_samples": 32,
    "batch_size": 4,
    "height": 64,
    "width": 64,
    "guidance_scale": 5.0,
    "dtype": "float32",
    "seed": 0,
}


def test_protocol_survives_its_dump() -> None:
    assert Protocol(**Protocol(**FIELDS).model_dump()) == Protocol(**FIELDS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"batchsize": 4},
        {"num_samples": 0},
        {"batch_size": 0},
        {"height": 0},
        {"width": -64},
        {"guidance_scale": -1.0},
        {"seed": -1},
        {"dtype": "bfloat16"},
    ],
)
def test_unknown_names_and_impossible_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Protocol(**{**FIELDS, **wrong})


def test_protocol_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Protocol(**FIELDS).seed = 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a", "b"], ["a", "c"]),
        (["a", "b"], ["b", "a"]),
        (["a", "b"], ["a"]),
        (["a\nb", "c"], ["a", "b\nc"]),
        (["ab"], ["a", "b"]),
    ],
)
def test_prompts_fingerprint_changes_with_any_prompt_and_the_order(
    one: list[str], other: list[str]
) -> None:
    assert prompts_fingerprint(one) != prompts_fingerprint(other)
    assert prompts_fingerprint(one) == prompts_fingerprint(tuple(one))
    assert len(prompts_fingerprint(one)) == 8
