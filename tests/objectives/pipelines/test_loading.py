from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors.torch import load_file, save_file

from objectives.errors import LoadError
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.loading import load_conditioning, load_pipeline
from objectives.pipelines.model import Model, find_model
from tests.tiers.covering import taking_turns
from tests.tiny_pipelines import (
    EVERY_FAMILY,
    PICTURE_SIZE,
    draw,
    save_tiny,
    tiny_pipeline,
    tiny_sd,
)

CPU = torch.device("cpu")


ENTRY = PIPELINES["tiny-shapes"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_sd().save_pretrained(folder)
    return find_model(ENTRY, str(folder), None)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("loading a folder must not reach for the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_pipeline_is_ready_to_draw_in_the_wanted_dtype(model: Model, dtype: str) -> None:
    pipe = load_pipeline(ENTRY, model, dtype, CPU)
    assert type(pipe).__name__ == "StableDiffusionPipeline"
    for part in (pipe.unet, pipe.vae, pipe.text_encoder):
        assert part.dtype == getattr(torch, dtype)
        assert part.device == CPU
        assert not part.training


def test_loaded_pipeline_draws_what_the_saved_one_drew(
    model: Model, capfd: pytest.CaptureFixture[str]
) -> None:
    pipe = load_pipeline(ENTRY, model, "float32", CPU)
    assert pipe.safety_checker is None
    capfd.readouterr()
    pictures = draw(pipe)
    assert "%|" not in capfd.readouterr().err, "progress bars do not belong on the screen"
    assert pictures.equal(draw(tiny_sd()))


def test_loading_leaves_the_global_random_generator_alone(model: Model) -> None:
    before = torch.random.get_rng_state()
    load_pipeline(ENTRY, model, "float32", CPU)
    assert torch.random.get_rng_state().equal(before)


@pytest.mark.parametrize(
    ("family", "longest"),
    taking_turns(
        [
            *((family, None) for family in EVERY_FAMILY),
            # It cuts the prompts off.
            *((family, 4) for family in ("PixArt-alpha", "FLUX.1-dev", "SD3.5-medium")),
        ]
    ),
)
def test_conditioning_draws_what_the_prompts_draw(
    family: str, longest: int | None, tmp_path: Path
) -> None:
    entry = replace(PIPELINES[family], max_sequence_length=longest)
    model = find_model(entry, str(save_tiny(family, tmp_path / "m")), None)
    prompts = ["a red square", "two blue circles", "a red star"]
    conditioning = load_conditioning(entry, model, prompts, "float32", CPU)
    if longest:
        assert conditioning.cut_off(None) == prompts
    bare = load_pipeline(entry, model, "float32", CPU)
    assert bool(entry.family.encoders) == (bare.text_encoder is None)
    whole = DiffusionPipeline.from_pretrained(model.folder, **entry.parts)
    whole.set_progress_bar_config(disable=True)
    told = {
        "num_inference_steps": 2,
        "output_type": "pt",
        "height": PICTURE_SIZE,
        "width": PICTURE_SIZE,
        **entry.call_at(4.0),
    }
    # Qwen-Image is guided where there is one, be it empty.
    negative = {"negative_prompt": ["", ""]} if entry.family.values.second_call else {}
    pictures, expected = (
        pipe(**words, **told, generator=[torch.Generator().manual_seed(7)] * 2).images
        for pipe, words in (
            (bare, conditioning.call(range(1, 3))),
            (whole, {"prompt": prompts[1:], **negative}),
        )
    )
    assert torch.allclose(pictures, expected, atol=1e-5)


def clip_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As the files of Stable Diffusion on the Hub name them, from transformers of 2022."""
    bare = {name.removeprefix("text_model."): tensor for name, tensor in weights.items()}
    positions = bare["embeddings.position_embedding.weight"].shape[0]
    return {
        "text_model.embeddings.position_ids": torch.arange(positions)[None],
        **{
            name if name.startswith("text_projection") else f"text_model.{name}": tensor
            for name, tensor in bare.items()
        },
    }


def t5_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """With the name of the tied embedding that some writers keep of the two."""
    embedding = weights.pop("shared.weight")
    return {"encoder.embed_tokens.weight": embedding, **weights}


@pytest.mark.parametrize(
    ("family", "part", "named"),
    [
        ("SD1.5", "text_encoder", clip_names),
        ("SDXL", "text_encoder", clip_names),
        ("SDXL", "text_encoder_2", clip_names),
        ("PixArt-alpha", "text_encoder", t5_names),
    ],
)
def test_tensors_named_as_on_the_hub_are_all_found(
    family: str,
    part: str,
    named: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = PIPELINES[family]
    monkeypatch.setattr(type(entry.family), "encoders", ())
    folder = save_tiny(family, tmp_path / "m")
    file = folder / part / "model.safetensors"
    save_file(named(load_file(file)), file, metadata={"format": "pt"})
    model = find_model(entry, str(folder), None)
    loaded = getattr(load_pipeline(entry, model, "float32", CPU), part)
    saved = getattr(tiny_pipeline(family), part)
    weights = loaded.state_dict()
    for name, tensor in saved.state_dict().items():
        assert weights[name].equal(tensor), name


@pytest.mark.parametrize("name", [name for name in PIPELINES if name.startswith("tiny-shapes")])
def test_embedded_pipelines_lack_no_tensor(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = PIPELINES[name]
    monkeypatch.setattr(type(entry.family), "encoders", ())
    pipe = load_pipeline(entry, find_model(entry, None, None), "float32", CPU)
    assert pipe.text_encoder is not None


def test_half_precision_is_for_gpus() -> None:
    assert ENTRY.family.dtype_on(CPU) == "float32"
    assert ENTRY.family.dtype_on(torch.device("cuda:0")) == "float16"


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_a_network_that_lacks_tensors_is_told_by_its_part(
    part: str, model: Model, tmp_path: Path
) -> None:
    folder = tmp_path / "half"
    shutil.copytree(str(model.folder), folder)
    file = folder / part / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    for name in sorted(tensors)[-3:]:
        del tensors[name]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(LoadError, match=f"the model's {part} from .*: 3 of its tensors are in no"):
        load_pipeline(ENTRY, find_model(ENTRY, str(folder), None), "float32", CPU)


def test_attention_named_as_in_old_files_of_a_vae_is_found(model: Model, tmp_path: Path) -> None:
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    folder = tmp_path / "old"
    shutil.copytree(str(model.folder), folder)
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    for new, old in names.items():
        tensors = {name.replace(f".{new}.", f".{old}."): part for name, part in tensors.items()}
    assert any(".query." in name for name in tensors)
    save_file(tensors, file, metadata={"format": "pt"})
    found = find_model(ENTRY, str(folder), None)
    pictures = draw(load_pipeline(ENTRY, found, "float32", CPU))
    assert pictures.equal(draw(tiny_sd()))


def test_a_class_that_becomes_what_a_folder_says_is_refused(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "auto"
    shutil.copytree(str(model.folder), folder)
    index = folder / "model_index.json"
    index.write_text(index.read_text().replace("UNet2DConditionModel", "AutoModel"))
    with pytest.raises(LoadError, match="no Auto classes"):
        find_model(ENTRY, str(folder), None)
