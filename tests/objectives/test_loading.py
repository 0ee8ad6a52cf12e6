from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from objectives.catalogue import PIPELINES
from objectives.loading import default_dtype, load_conditioning, load_pipeline
from objectives.model import Model, find_model
from tests.tiny_pipelines import FAMILIES, draw, save_tiny, tiny_sd

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


@pytest.mark.parametrize("family", FAMILIES)
def test_conditioning_draws_what_the_prompts_draw(family: str, tmp_path: Path) -> None:
    entry = PIPELINES[family]
    model = find_model(entry, str(save_tiny(family, tmp_path / "m")), None)
    prompts = ["a red square", "two blue circles", "a red star"]
    conditioning = load_conditioning(entry, model, prompts, "float32", CPU)
    bare = load_pipeline(entry, model, "float32", CPU)
    assert entry.encodes_once == (bare.text_encoder is None)
    whole = replace(entry, encodes_once=False)
    told = {
        "num_inference_steps": 2,
        "guidance_scale": 4.0,
        "output_type": "pt",
        **entry.call,
    }
    pictures, expected = (
        pipe(**words, **told, generator=[torch.Generator().manual_seed(7)] * 2).images
        for pipe, words in (
            (bare, conditioning.call(range(1, 3))),
            (load_pipeline(whole, model, "float32", CPU), {"prompt": prompts[1:]}),
        )
    )
    assert torch.allclose(pictures, expected, atol=1e-5)


def test_half_precision_is_for_gpus() -> None:
    assert default_dtype(CPU) == "float32"
    assert default_dtype(torch.device("cuda:0")) == "float16"
