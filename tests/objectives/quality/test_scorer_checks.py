"""A scorer's folder is data: what would run code, or is none, is refused before it is loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from objectives.embedded import SCORER_DIR
from objectives.errors import InputError, LoadError
from objectives.quality.scorer import Scorer, find_scorer

CPU = torch.device("cpu")

WEIGHTS = "open_clip_model.safetensors"

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "scorer"
    shutil.copytree(SCORER_DIR, copy)
    return copy


def edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def refusal(given: object) -> str:
    with pytest.raises(LoadError) as refused:
        find_scorer(str(given))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def plant_code(folder: Path) -> Path:
    """A tokenizer class in a file of the folder, which leaves a mark when it is run."""
    mark = folder.parent / "ran"
    (folder / "evil.py").write_text(
        f"from pathlib import Path\nPath({str(mark)!r}).touch()\n"
        "from transformers import PreTrainedTokenizerFast\n"
        "class Evil(PreTrainedTokenizerFast): pass\n"
    )
    edit(
        folder / "tokenizer_config.json",
        lambda config: config.update(
            auto_map={"AutoTokenizer": [None, "evil.Evil"]}, tokenizer_class="Evil"
        ),
    )
    return mark


def test_code_of_a_folder_is_not_run(folder: Path) -> None:
    mark = plant_code(folder)
    edit(
        folder / "open_clip_config.json",
        lambda config: config["model_cfg"]["text_cfg"].update(
            tokenizer_kwargs={"trust_remote_code": True}
        ),
    )
    assert "tokenizer_kwargs.trust_remote_code is not among what is read" in refusal(folder)
    assert not mark.exists()


def test_code_that_a_tokenizer_names_is_refused_without_being_asked_for(folder: Path) -> None:
    mark = plant_code(folder)
    assert "its auto_map names code" in refusal(folder)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda c: c["model_cfg"]["text_cfg"].update(hf_model_name="somebody/model"),
            "text_cfg.hf_model_name is not among",
        ),
        (
            lambda c: c["model_cfg"]["vision_cfg"].update(timm_model_name="hf-hub:somebody/model"),
            "timm_model_name is no name of timm's own",
        ),
        (
            lambda c: c["model_cfg"]["vision_cfg"].update(timm_model_name="local-dir:./here"),
            "timm_model_name is no name of timm's own",
        ),
        (lambda c: c["model_cfg"].update(cast_dtype="x"), "model_cfg.cast_dtype is not among"),
        (
            lambda c: c["model_cfg"]["vision_cfg"].update(norm_kwargs={"device": "meta"}),
            "norm_kwargs.device is not among",
        ),
        (
            lambda c: c["model_cfg"]["text_cfg"].update(tokenizer_kwargs={"bpe_path": "/etc/x"}),
            "tokenizer_kwargs.bpe_path is not among",
        ),
        (lambda c: c["preprocess_cfg"].update(mean={"a": 1}), "mean has a value of another form"),
        (lambda c: c.update(model_cfg=5), "model_cfg has a value of another form"),
        (lambda c: c.update(auto_map={}), "auto_map is not among"),
    ],
)
def test_key_that_is_not_allowed_is_refused(folder: Path, change: Edit, told: str) -> None:
    edit(folder / "open_clip_config.json", change)
    assert told in refusal(folder)


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, "\udcff"])
def test_configuration_that_is_none_is_refused(folder: Path, content: str) -> None:
    (folder / "open_clip_config.json").write_text(content, errors="surrogateescape")
    assert "cannot load the scorer from" in refusal(folder)


def test_configurations_of_open_clips_own_models_are_allowed(folder: Path) -> None:
    """But those whose text tower or tokenizer comes from elsewhere, or that draw captions."""
    import open_clip

    refused = {}
    for name in open_clip.list_models():
        model = open_clip.get_model_config(name)
        content = {"model_cfg": model, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
        (folder / "open_clip_config.json").write_text(json.dumps(content))
        try:
            find_scorer(str(folder))
        except InputError as error:
            refused[name] = str(error)
    assert all("hf_" in told or "multimodal_cfg" in told for told in refused.values()), refused
    assert len(refused) < 0.2 * len(open_clip.list_models())


@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", "pytorch_model.bin", "a.pth"])
def test_pickled_weights_are_refused(folder: Path, name: str) -> None:
    (folder / WEIGHTS).rename(folder / name)
    assert "it has no safetensors file" in refusal(folder)


def test_pickle_beside_safetensors_is_never_opened(folder: Path) -> None:
    # open_clip prefers this pickle to safetensors of this name.
    (folder / WEIGHTS).rename(folder / "model.safetensors")
    (folder / "open_clip_pytorch_model.bin").write_bytes(b"no pickle at all")
    scorer, shipped = (Scorer(find_scorer(given), CPU) for given in (str(folder), "tiny-shapes"))
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    assert (scorer.embed_images(pictures) == shipped.embed_images(pictures)).all()


def test_index_is_never_followed(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"x": "evil.bin"}}')
    (folder / "evil.bin").write_bytes(b"no pickle at all")
    Scorer(find_scorer(str(folder)), CPU)
    (folder / WEIGHTS).unlink()
    assert "it has no safetensors file" in refusal(folder)


def test_weights_that_are_none_are_refused_before_they_are_loaded(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "git lfs pull" in refusal(folder)
    (folder / WEIGHTS).write_bytes(whole[:-1000])
    assert "its header promises" in refusal(folder)
    assert "its header promises" in refusal(f"ViT-B-32:{folder / WEIGHTS}")
    save_file({}, folder / WEIGHTS)
    assert "it holds no tensors" in refusal(folder)


def test_two_files_of_tensors_need_one_that_is_named_as_usual(folder: Path) -> None:
    shutil.copy(folder / WEIGHTS, folder / "a.safetensors")
    find_scorer(str(folder))
    (folder / WEIGHTS).rename(folder / "b.safetensors")
    assert "keep one as open_clip_model.safetensors" in refusal(folder)


def loading(given: object) -> str:
    source = find_scorer(str(given))
    with pytest.raises(LoadError) as refused:
        Scorer(source, CPU)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_checkpoint_of_another_model_is_told_in_one_line(folder: Path) -> None:
    told = loading(f"ViT-S-32-alt:{folder / WEIGHTS}")
    assert told.startswith(f"cannot load the scorer from {folder / WEIGHTS}: its tensors are not")
    assert "another --scorer" in told


def test_tensors_of_another_layout_are_told_in_one_line(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    save_file({f"model.{name}": tensor for name, tensor in tensors.items()}, folder / WEIGHTS)
    assert "its tensors are not those of the architecture" in loading(folder)


def test_tokenizer_that_is_missing_or_broken_is_told_in_one_line(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")
    assert f"from {folder}" in loading(folder)
    (folder / "tokenizer.json").unlink()
    assert "its tokenizer has no words" in refusal(folder)


def test_tokenizer_of_another_model_is_told_in_one_line(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    edit(
        folder / "open_clip_config.json",
        lambda config: config["model_cfg"]["text_cfg"].update(vocab_size=7),
    )
    name = "token_embedding.weight"
    save_file({**tensors, name: tensors[name][:7].contiguous()}, folder / WEIGHTS)
    assert "cannot load the scorer from" in loading(folder)


def test_weights_that_make_nan_are_told(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    tensors["visual.proj"][:] = torch.nan
    save_file(tensors, folder / WEIGHTS)
    assert "its weights make NaN" in loading(folder)


def test_only_safetensors_are_taken_as_a_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(b"")
    with pytest.raises(InputError, match=r"is a \.safetensors file, and .*weights\.pt is none"):
        find_scorer(f"ViT-B-32:{file}")
