from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from objectives.protocol import Protocol, folder_fingerprint, prompts_fingerprint

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


def model_folder(parent: Path, weights: bytes = b"w") -> Path:
    (parent / "unet").mkdir(parents=True)
    (parent / "model_index.json").write_text("{}")
    (parent / "unet" / "weights").write_bytes(weights)
    return parent


def test_folder_fingerprint_is_that_of_the_contents_wherever_they_lie(tmp_path: Path) -> None:
    one, other = model_folder(tmp_path / "a"), model_folder(tmp_path / "b")
    assert folder_fingerprint(one) == folder_fingerprint(other)


def test_folder_fingerprint_changes_with_contents_names_and_files(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m")
    seen = [folder_fingerprint(folder)]
    (folder / "unet" / "weights").write_bytes(b"v")
    seen.append(folder_fingerprint(folder))
    (folder / "unet" / "weights").rename(folder / "unet" / "renamed")
    seen.append(folder_fingerprint(folder))
    (folder / "extra.json").touch()
    seen.append(folder_fingerprint(folder))
    assert len(set(seen)) == 4


@pytest.mark.parametrize("size", [2**21 - 5, 2**21, 2**21 + 5, 5 * 2**20])
@pytest.mark.parametrize("place", [0, -1], ids=["start", "end"])
def test_large_files_are_told_apart_by_both_ends(tmp_path: Path, size: int, place: int) -> None:
    content = bytearray(size)
    before = folder_fingerprint(model_folder(tmp_path / "a", bytes(content)))
    content[place] = 1
    assert folder_fingerprint(model_folder(tmp_path / "b", bytes(content))) != before


def test_files_up_to_two_mebibytes_count_in_full(tmp_path: Path) -> None:
    content = bytearray(2**21)
    before = folder_fingerprint(model_folder(tmp_path / "a", bytes(content)))
    content[2**20] = 1
    assert folder_fingerprint(model_folder(tmp_path / "b", bytes(content))) != before
