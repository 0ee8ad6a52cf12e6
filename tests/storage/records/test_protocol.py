from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from storage.records.protocol import FIRST_VERSION, Protocol, study_digest
from tests.made_records import made_protocol


def test_protocol_survives_its_json() -> None:
    assert Protocol.model_validate(made_protocol().as_json()) == made_protocol()


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_samples": 0},
        {"batch_size": 0},
        {"batch_size": "4"},
        {"height": 0},
        {"width": -64},
        {"guidance_scale": -1.0},
        {"seed": -1},
        {"dtype": "float8"},
        {"timed": "anything"},
    ],
)
def test_impossible_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        made_protocol(**wrong)


def test_protocol_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        made_protocol().seed = 1


FULL = {
    "model": "a/model@0123456789abcdef", "scorer": "a-scorer@01234567",
    "prompts": "prompts.txt@89abcdef", "prompts_seed": 0, "num_samples": 32, "batch_size": 4,
    "height": 512, "width": 512, "guidance_scale": 7.5, "dtype": "float16", "seed": 0,
}  # fmt: skip

EMBEDDED = {
    "model": "tiny-shapes@00112233", "scorer": "tiny-shapes/scorer@44556677",
    "prompts": "tiny.txt@8899aabb", "prompts_seed": 7, "num_samples": 8, "batch_size": 8,
    "height": 64, "width": 64, "guidance_scale": 5, "dtype": "float32", "seed": 7,
    "timed": "embedding to picture",
}  # fmt: skip

WITHOUT_DRAW = {
    "model": "m@1", "scorer": "s@1", "prompts": "p.txt@1", "num_samples": 32, "batch_size": 4,
    "height": 64, "width": 96, "guidance_scale": 0.0, "dtype": "float32", "seed": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "device", "settings", "digest"),
    [
        (FULL, "NVIDIA H100 80GB HBM3", {}, "cde75c42"),
        (EMBEDDED, "a CPU (2 threads)", {}, "12a84725"),
        (EMBEDDED, "a CPU (2 threads)", {"use_karras_sigmas": True, "solver_order": 2}, "d45cfc89"),
        (WITHOUT_DRAW, "a CPU", {}, "41cff0ea"),
        (WITHOUT_DRAW, "a CPU", {"algorithm_type": "dpmsolver++"}, "05c2e25f"),
    ],
)
def test_digests_are_those_of_the_first_version(
    fields: dict[str, Any], device: str, settings: dict[str, Any], digest: str
) -> None:
    assert study_digest(Protocol.model_validate(fields), device, settings) == digest


class Later(Protocol):
    """A protocol as a later release may have it."""

    loss: str = "clip_loss"
    negative_prompt: str = ""


def test_a_field_that_came_later_renames_no_study_that_leaves_it_at_its_default() -> None:
    def digest(**changes: Any) -> str:
        return study_digest(Later.model_validate(FULL | changes), "a CPU", {})

    plain = study_digest(Protocol.model_validate(FULL), "a CPU", {})
    assert digest() == digest(loss="clip_loss", negative_prompt="") == plain
    assert len({plain, digest(loss="ssim"), digest(negative_prompt="blurry")}) == 3


def test_a_study_that_gains_a_metric_keeps_its_name() -> None:
    def digest(**changes: Any) -> str:
        return study_digest(Protocol.model_validate(FULL | changes), "a CPU", {})

    assert digest(metrics=["clip_loss", "psnr", "attributes"]) == digest()


def test_the_first_version_counts_its_fields_whatever_their_value() -> None:
    assert FIRST_VERSION <= Protocol.model_fields.keys()
    assert made_protocol().identity.keys() >= FIRST_VERSION
