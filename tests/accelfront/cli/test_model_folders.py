"""Model folders that cannot be loaded: told in one line, before a study is made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from storage.database.opening import open_store
from tests.command_line import Answer, modules_after, run
from tests.tiny_pipelines import save_tiny, tiny_pipeline

UNET = "unet/diffusion_pytorch_model.safetensors"
ENCODER = "text_encoder/model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny("SD1.5", tmp_path / "m")


def study(folder: Path, *more: str) -> Answer:
    storage = f"sqlite:///{folder.parent / 'a.db'}"
    quick = ("--pipeline", "SD1.5", "--steps", "4", "--num-samples", "2", "--batch-size", "1")
    command = ("study", *quick, "--scorer", "tiny-shapes", "--device", "cpu", "--trials", "1")
    return run(
        *command,
        "--no-confirm",
        "--methods",
        "deepcache",
        "--model",
        str(folder),
        "--storage",
        storage,
        *more,
    )


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def pickled(folder: Path) -> None:
    (folder / UNET).unlink()
    torch.save({}, folder / "unet" / "diffusion_pytorch_model.bin")


def in_pieces(folder: Path, piece: str) -> None:
    (folder / UNET).unlink()
    index = folder / "unet" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {"conv_in.weight": piece}}))


def pointer(folder: Path) -> None:
    (folder / UNET).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


def header(folder: Path, content: bytes) -> None:
    (folder / UNET).write_bytes(len(content).to_bytes(8, "little") + content)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "pointer": (pointer, rf"model's unet from .*{UNET}: it is a git-lfs pointer.*git lfs pull"),
    "half": (lambda m: cut(m / UNET, 9000), rf"model's unet from .*{UNET}: .*again"),
    "empty": (lambda m: cut(m / UNET, 0), rf"model's unet from .*{UNET}: .*again"),
    "header": (lambda m: header(m, b"[[[]]]"), rf"model's unet from .*{UNET}: .*header is broken"),
    "nested": (lambda m: header(m, b"[" * 9999), rf"model's unet from .*{UNET}: .*header"),
    "pickle": (pickled, r"unet.*only diffusion_pytorch_model.bin, and no pickle.*save_pretrained"),
    "index": (lambda m: in_pieces(m, "x.bin"), r"index\.json: it names 'x\.bin'.*safetensors"),
    "outside": (lambda m: in_pieces(m, "../x.safetensors"), r"index\.json: it names '\.\./x"),
    "foreign class": (
        lambda m: change(m / "model_index.json", unet=["my_code", "MyUNet"]),
        r"model_index\.json: it is my_code\.MyUNet, and only classes .*save_pretrained",
    ),
    "auto class": (
        lambda m: change(m / "model_index.json", text_encoder=["transformers", "AutoModel"]),
        r"model's text_encoder .*model_index\.json: it is transformers\.AutoModel",
    ),
    "odd class": (lambda m: change(m / "model_index.json", vae=["diffusers"]), r"it is diffusers,"),
    "no part": (
        lambda m: (m / "tokenizer").rename(m / "other"),
        r"model's tokenizer from .*tokenizer: there is no such folder",
    ),
    "inpainting": (
        lambda m: change(m / "unet/config.json", in_channels=9),
        r"unet/config\.json: in_channels is 9, .*give another model",
    ),
    "adapter": (
        lambda m: (m / "text_encoder/adapter_config.json").write_text("{}"),
        r"model's text_encoder .*adapter",
    ),
    "size": (
        lambda m: change(m / "unet/config.json", sample_size=10),
        "must be multiples of 8, and 20x20 .width x height. was asked for; give 16x16",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_folder_tells_is_refused_and_leaves_nothing(fault: str, folder: Path) -> None:
    damage, told = FAULTS[fault]
    damage(folder)
    answer = study(folder)
    assert answer.returncode == 2
    [line] = answer.stderr.splitlines()
    assert re.search(told, line), line
    assert not (folder.parent / "a.db").exists()


@pytest.mark.parametrize("fault", ["pickle", "pointer", "auto class", "inpainting"])
def test_what_a_folder_tells_is_told_before_torch_is_imported(fault: str, folder: Path) -> None:
    FAULTS[fault][0](folder)
    command = ("study", "--pipeline", "SD1.5", "--model", str(folder))
    assert modules_after(*command, cwd=folder.parent) == set()


def other_layout(folder: Path) -> None:
    weights = load_file(folder / UNET)
    renamed = {f"model.{name}": tensor for name, tensor in weights.items()}
    save_file(renamed, folder / UNET, metadata={"format": "pt"})


def other_width(folder: Path) -> None:
    weights = load_file(folder / UNET)
    weights["conv_in.weight"] = weights["conv_in.weight"][:1]
    save_file(weights, folder / UNET, metadata={"format": "pt"})


def other_names(folder: Path) -> None:
    weights = load_file(folder / ENCODER)
    renamed = {f"backbone.{name}": tensor for name, tensor in weights.items()}
    save_file(renamed, folder / ENCODER, metadata={"format": "pt"})


def one_less(folder: Path) -> None:
    weights = load_file(folder / ENCODER)
    del weights[next(name for name in weights if name.endswith("final_layer_norm.bias"))]
    save_file(weights, folder / ENCODER, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (other_names, r"\d+ of its tensors are in no file, such as "),
        (
            one_less,
            r"a tensor of it is in no file, such as \S*final_layer_norm\.bias; save it anew",
        ),
    ],
)
def test_a_text_encoder_without_its_tensors_is_refused_and_not_drawn_at_random(
    damage: Callable[[Path], object], told: str, folder: Path
) -> None:
    damage(folder)
    answer = study(folder)
    assert answer.returncode == 2, answer.stderr
    *_, line = answer.stderr.splitlines()
    where = re.escape(str(folder / "text_encoder"))
    assert re.search(f"cannot load the model's text_encoder from {where}: {told}", line), line


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (other_layout, "model's unet"),
        (other_width, "model of SD1.5"),
        (
            lambda m: change(m / "model_index.json", unet=["diffusers", "NoSuchModel"]),
            "model of SD1.5",
        ),
        (lambda m: (m / "tokenizer/tokenizer.json").write_text("{"), "model of SD1.5"),
        (
            lambda m: change(m / "text_encoder/config.json", hidden_act="none such"),
            "model of SD1.5",
        ),
    ],
    ids=["layout", "width", "class", "tokenizer", "activation"],
)
def test_what_only_loading_tells_leaves_no_study(
    damage: Callable[[Path], object], part: str, folder: Path
) -> None:
    damage(folder)
    answer = study(folder)
    assert answer.returncode == 2, answer.stderr
    *_, line = answer.stderr.splitlines()
    assert line.startswith(f"accelfront: cannot load the {part} from {folder}")
    assert "Traceback" not in answer.stderr
    store = open_store(f"sqlite:///{folder.parent / 'a.db'}")
    assert store.optuna.get_all_studies() == []
    store.engine.dispose()


def test_a_study_that_is_there_stays_when_its_model_cannot_be_loaded(folder: Path) -> None:
    assert study(folder).returncode == 0
    store = open_store(f"sqlite:///{folder.parent / 'a.db'}")
    [before] = store.optuna.get_all_studies()
    # The same model by all that is known of it, in a folder that cannot be loaded.
    (folder / "scheduler" / "diffusers.py").write_text("raise AssertionError('it is never run')")
    answer = study(folder, "--trials", "2")
    assert answer.returncode == 2
    assert "cannot load the model" in answer.stderr
    [after] = store.optuna.get_all_studies()
    assert after.study_name == before.study_name
    store.engine.dispose()


def test_a_whole_folder_is_taken_in_pieces_too(folder: Path) -> None:
    (folder / UNET).unlink()
    tiny_pipeline("SD1.5").unet.save_pretrained(folder / "unet", max_shard_size="100KB")
    answer = study(folder)
    assert answer.returncode == 0, answer.stderr
