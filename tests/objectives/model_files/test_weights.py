from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from objectives.errors import InputError, LoadError, reason_of
from objectives.model_files.weights import sharded_files, tensor_shapes


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    file = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(2, 3), "b": torch.zeros(5, dtype=torch.float16)}, file)
    return file


def test_shapes_of_a_whole_file_are_told(weights: Path) -> None:
    assert tensor_shapes("the scorer", weights) == {"a": (2, 3), "b": (5,)}
    save_file({"a": torch.zeros(1)}, weights, {"format": "pt"})
    assert tensor_shapes("the scorer", weights) == {"a": (1,)}


def header(text: str) -> bytes:
    return len(text.encode()).to_bytes(8, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no whole safetensors file"),
        (b"\x08\x00\x00", "no whole safetensors file"),
        (b"\xff" * 64, "no whole safetensors file"),
        (b"PK\x03\x04" + bytes(4) + b"a pickle in a zip file", "no whole safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run `git lfs pull`"),
        (header("{"), "header is broken"),
        (header("[]"), "header is broken"),
        (header('{"a": 5}'), "header is broken"),
        (header('{"a": {"shape": [1]}}'), "header is broken"),
        (header('{"a": {"shape": [1], "data_offsets": []}}'), "header is broken"),
        (header("[" * 100_000), "header is broken"),
        (
            header('{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}') + bytes(3),
            "header promises",
        ),
    ],
)
def test_file_that_is_none_is_refused_in_one_line(weights: Path, content: bytes, told: str) -> None:
    weights.write_bytes(content)
    with pytest.raises(InputError) as refusal:
        tensor_shapes("the scorer", weights)
    assert str(refusal.value).startswith(f"cannot load the scorer from {weights}: ")
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_every_cut_of_a_file_is_refused(weights: Path) -> None:
    whole = weights.read_bytes()
    for end in range(len(whole)):
        weights.write_bytes(whole[:end])
        with pytest.raises(LoadError):
            tensor_shapes("the scorer", weights)


def test_missing_file_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"from .*/none\.safetensors: No such file or directory"):
        tensor_shapes("the scorer", tmp_path / "none.safetensors")


def test_index_names_safetensors_beside_it_and_nothing_else(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"x": "b.safetensors", "y": "a.safetensors"}}))
    assert sharded_files("the vae", index) == [
        tmp_path / "a.safetensors",
        tmp_path / "b.safetensors",
    ]
    for name in ("model.bin", "../a.safetensors", "/a.safetensors", "sub/a.safetensors"):
        index.write_text(json.dumps({"weight_map": {"x": "a.safetensors", "y": name}}))
        with pytest.raises(LoadError, match="only safetensors files beside it are read"):
            sharded_files("the vae", index)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"weight_map": 5}', '{"weight_map": {"a": 5}}']
)
def test_what_is_no_index_is_refused(tmp_path: Path, content: str) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(content)
    with pytest.raises(LoadError, match="cannot load the vae from"):
        sharded_files("the vae", index)


def test_foreign_error_is_told_in_one_line_of_bearable_length() -> None:
    assert reason_of(RuntimeError("first\n  second")) == "first second"
    assert reason_of(KeyError()) == "KeyError"
    assert len(reason_of(RuntimeError("tensor " * 500))) == 200
    error = LoadError("the scorer", "here", RuntimeError("a\nb"), "give another")
    assert str(error) == "cannot load the scorer from here: a b; give another"
