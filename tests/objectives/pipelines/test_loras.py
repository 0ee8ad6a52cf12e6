from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from objectives.errors import InputError
from objectives.pipelines.loras import check_takes_loras, find_lora, fuse
from tests.tiny_loras import save_lora
from tests.tiny_pipelines import draw, tiny_pipeline


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    return save_lora(tiny_pipeline("SD1.5"), tmp_path / "style.safetensors")


def test_a_lora_is_added_to_the_weights_by_its_scale(lora: Path) -> None:
    pipe, plain = tiny_pipeline("SD1.5"), tiny_pipeline("SD1.5")
    fuse(pipe, [find_lora(lora, 0.5)])

    state, before = pipe.unet.state_dict(), plain.unet.state_dict()
    assert list(state) == list(before)
    kinds = [[type(part) for part in each.unet.modules()] for each in (pipe, plain)]
    assert kinds[0] == kinds[1], "no adapter is left, which a method or a graph would meet"
    tensors = load_file(lora)
    name = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    down, up = (tensors[f"unet.{name}.lora.{part}.weight"] for part in ("down", "up"))
    expected = before[f"{name}.weight"] + 0.5 * up @ down
    assert torch.allclose(state[f"{name}.weight"], expected, atol=1e-6)
    other = "mid_block.attentions.0.transformer_blocks.0.attn1.to_k.weight"
    assert torch.equal(state[other], before[other])


def test_fused_it_draws_what_it_draws_beside_the_weights(lora: Path) -> None:
    fused, beside = tiny_pipeline("SD1.5"), tiny_pipeline("SD1.5")
    plain = draw(beside)
    fuse(fused, [find_lora(lora, 0.7)])
    beside.load_lora_weights(lora, adapter_name="style")
    beside.set_adapters(["style"], [0.7])
    assert torch.allclose(draw(fused), draw(beside), atol=1e-3)
    assert not torch.allclose(draw(fused), plain, atol=1e-1)


def test_loras_add_up(lora: Path) -> None:
    twice, once = tiny_pipeline("SD1.5"), tiny_pipeline("SD1.5")
    fuse(twice, [find_lora(lora, 0.5), find_lora(lora, 0.25)])
    fuse(once, [find_lora(lora, 0.75)])
    for own, other in zip(twice.unet.parameters(), once.unet.parameters(), strict=True):
        assert torch.allclose(own, other, atol=1e-5)


def test_its_name_tells_its_content_and_not_its_place(lora: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    (copy / "style.safetensors").write_bytes(lora.read_bytes())
    found, moved = find_lora(lora, 1.0), find_lora(copy / "style.safetensors", 1.0)
    assert found.record == moved.record
    tensors = load_file(lora)
    tensors[next(iter(tensors))] += 1e-3
    save_file(tensors, lora)
    changed = find_lora(lora, 1.0).record
    assert changed.name.startswith("style@") and changed != found.record


def test_a_lora_of_another_model_is_refused_in_one_line(
    lora: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = tiny_pipeline("SDXL")
    with pytest.raises(InputError) as caught:
        fuse(other, [find_lora(lora, 1.0)])
    assert "its shapes are those of another model, first in" in str(caught.value)
    assert "style.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    assert "mismatch" not in capfd.readouterr().err, "and diffusers prints no list of tensors"


def test_layers_of_the_text_encoder_are_fused_or_what_they_need_is_told(tmp_path: Path) -> None:
    pipe, plain = tiny_pipeline("SD1.5"), tiny_pipeline("SD1.5")
    parts = ("unet", "text_encoder")
    both = save_lora(tiny_pipeline("SD1.5"), tmp_path / "both.safetensors", parts=parts)
    try:
        fuse(pipe, [find_lora(both, 1.0)])
    except InputError as error:
        # transformers 5.24 asks for peft 0.22, which is later than diffusers' own need.
        assert "version" in str(error) and "or give a LoRA without layers of the text" in str(error)
    else:
        pairs = zip(pipe.text_encoder.parameters(), plain.text_encoder.parameters(), strict=True)
        assert not all(torch.equal(own, before) for own, before in pairs)


def test_a_lora_that_names_no_layer_of_the_model_is_refused(lora: Path, tmp_path: Path) -> None:
    tensors = {f"transformer.{name}": each for name, each in load_file(lora).items()}
    save_file(tensors, tmp_path / "flux.safetensors")
    with pytest.raises(InputError, match="it names no layer of this model"):
        fuse(tiny_pipeline("SD1.5"), [find_lora(tmp_path / "flux.safetensors", 1.0)])


def _damage(kind: str, lora: Path) -> Path:
    path = lora.with_name("bad.safetensors")
    if kind == "pickle":
        torch.save({}, path := lora.with_name("bad.bin"))
    elif kind == "cut off":
        path.write_bytes(lora.read_bytes()[:-8])
    elif kind == "weights":
        save_file({"conv_in.weight": torch.zeros(2)}, path)
    elif kind == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("pickle", "no pickle is loaded, so save the LoRA as safetensors"),
        ("cut off", "its header promises"),
        ("weights", "none of its tensors is named as a LoRA's"),
        ("folder", "bad.safetensors"),
        ("missing", "No such file"),
    ],
)
def test_what_is_no_lora_is_refused(kind: str, complaint: str, lora: Path) -> None:
    with pytest.raises(InputError) as caught:
        find_lora(_damage(kind, lora), 1.0)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("name", "takes"), [("StableDiffusionXLPipeline", True), ("PixArtAlphaPipeline", False)]
)
def test_a_pipeline_that_diffusers_loads_no_lora_into_is_told(
    name: str, takes: bool, lora: Path
) -> None:
    found: list[Any] = [find_lora(lora, 1.0)]
    check_takes_loras(name, [])
    if takes:
        check_takes_loras(name, found)
        return
    with pytest.raises(InputError, match="diffusers loads no LoRA into a PixArtAlphaPipeline"):
        check_takes_loras(name, found)
