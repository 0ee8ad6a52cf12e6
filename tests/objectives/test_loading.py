from __future__ import annotations

from pathlib import Path

import pytest
import torch

from objectives.catalogue import PIPELINES, read_architecture
from objectives.loading import default_dtype, load_pipeline
from objectives.schedulers import SCHEDULERS
from tests.tiny_pipelines import draw, tiny_sd

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_sd().save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("loading a folder must not reach for the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)


@pytest.mark.parametrize(("name", "scheduler_class"), SCHEDULERS.items())
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_pipeline_has_the_wanted_scheduler_and_dtype(
    model_folder: Path, name: str, scheduler_class: str, dtype: str
) -> None:
    architecture = read_architecture(PIPELINES["tiny-shapes"], model_folder)
    pipe = load_pipeline(architecture, name, dtype, CPU)
    assert type(pipe).__name__ == "StableDiffusionPipeline"
    assert type(pipe.scheduler).__name__ == scheduler_class
    assert pipe.scheduler.config.beta_schedule == "scaled_linear"
    for part in (pipe.unet, pipe.vae, pipe.text_encoder):
        assert part.dtype == getattr(torch, dtype)
        assert part.device == CPU
        assert not part.training


def test_loaded_pipeline_draws_what_the_saved_one_drew(
    model_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    architecture = read_architecture(PIPELINES["tiny-shapes"], model_folder)
    pipe = load_pipeline(architecture, "DDIM", "float32", CPU)
    assert pipe.safety_checker is None
    capfd.readouterr()
    pictures = draw(pipe)
    assert "%|" not in capfd.readouterr().err, "progress bars do not belong on the screen"
    assert pictures.equal(draw(tiny_sd()))


def test_loading_leaves_the_global_random_generator_alone(model_folder: Path) -> None:
    architecture = read_architecture(PIPELINES["tiny-shapes"], model_folder)
    before = torch.random.get_rng_state()
    load_pipeline(architecture, "DDIM", "float32", CPU)
    assert torch.random.get_rng_state().equal(before)


def test_half_precision_is_for_gpus() -> None:
    assert default_dtype(CPU) == "float32"
    assert default_dtype(torch.device("cuda:0")) == "float16"
