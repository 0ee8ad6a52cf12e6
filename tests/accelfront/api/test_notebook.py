"""A notebook: a pipeline with a LoRA is searched, accelerated and handed on."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from PIL import Image

import accelfront
from objectives.embedded import PIPELINE_DIR
from tests.accel_space.pipe_state import assert_same_state, pipe_state

PROMPTS = ["a red circle", "two green squares"]

SETTINGS: dict[str, Any] = {
    "methods": "deepcache",
    "prompts": PROMPTS,
    "steps": 2,
    "batch_size": 1,
    "guidance": 6,
    "negative_prompt": "a blue circle",
    "budget": {"clip_loss": 0.5},
    "confirm": False,
    "progress": False,
}


def write_lora(folder: Path) -> Path:
    """A LoRA of two ranks for the attention of tiny-shapes, with weights from a seed."""
    pipe = StableDiffusionPipeline.from_pretrained(PIPELINE_DIR)
    torch.manual_seed(0)
    unet = pipe.unet
    unet.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights="gaussian"))
    layers = get_peft_model_state_dict(unet)
    layers = {name: 0.05 * torch.randn_like(weight) for name, weight in layers.items()}
    StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=layers)
    return folder


def load(lora: Path, keep: bool = False) -> Any:
    """The pipeline of the notebook; its LoRA is fused, or else kept beside the weights."""
    pipe = StableDiffusionPipeline.from_pretrained(PIPELINE_DIR)
    pipe.load_lora_weights(lora)
    if not keep:
        pipe.fuse_lora(lora_scale=0.8)
        pipe.unload_lora_weights()
    pipe.set_progress_bar_config(disable=True)
    return pipe


def picture(pipe: Any, **call: Any) -> Image.Image:
    generator = torch.Generator().manual_seed(5)
    drawn: Image.Image = pipe(PROMPTS[0], generator=generator, **call).images[0]
    return drawn


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return f"sqlite:///{tmp_path}/notebook.db"


@pytest.mark.thorough
def test_a_notebook(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lora = write_lora(tmp_path / "lora")
    pipe = load(lora)
    without = StableDiffusionPipeline.from_pretrained(PIPELINE_DIR)
    without.set_progress_bar_config(disable=True)
    before = pipe_state(pipe)

    study = accelfront.search(pipe, storage=url, trials=1, **SETTINGS)
    assert_same_state(pipe_state(pipe), before)
    trial = study.front[0]
    plain, before = picture(pipe, **trial.call), pipe_state(pipe)
    with accelfront.accelerated(pipe, trial):
        accelerated = picture(pipe, **trial.call)
    assert_same_state(pipe_state(pipe), before)

    assert picture(without, **trial.call) != plain != accelerated
    assert trial.call["negative_prompt"] == "a blue circle"
    assert study.plot().data
    assert list(study.front.to_frame()["trial"]) == [each.number for each in study.front]

    pipe.save_pretrained(tmp_path / "mine")
    script = study.script(tmp_path / "draw.py", trial, model=tmp_path / "mine")
    command = ["--prompt", PROMPTS[0], "--seed", "5", "--device", "cpu", "--out", "drawn.png"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script), *command])
    runpy.run_path(str(script), run_name="__main__")
    assert Image.open(tmp_path / "drawn.png").tobytes() == accelerated.tobytes()

    resumed = accelfront.search(load(lora), storage=url, trials=2, **SETTINGS)
    assert (resumed.name, len(resumed.trials)) == (study.name, 2)
    [stored] = accelfront.open(url)
    # A trial that something disturbed is timed again when the study goes on.
    kept = [(each.number, each.params, each.clip_loss) for each in study.trials]
    assert [(each.number, each.params, each.clip_loss) for each in stored.trials[:1]] == kept


def test_a_lora_beside_the_weights_is_measured_where_it_is(url: str, tmp_path: Path) -> None:
    lora = write_lora(tmp_path / "lora")
    pipe = load(lora, keep=True)
    before = pipe_state(pipe)
    weights = {name: weight.clone() for name, weight in pipe.unet.state_dict().items()}
    study = accelfront.search(pipe, storage=url, trials=1, **SETTINGS)
    fused = accelfront.search(load(lora), storage=url, trials=1, timeout_s=1e-3, **SETTINGS)

    assert study.name != fused.name
    assert_same_state(pipe_state(pipe), before)
    now = pipe.unet.state_dict()
    assert all(torch.equal(now[name], each) for name, each in weights.items())
    pipe.save_pretrained(tmp_path / "mine")
    with pytest.raises(accelfront.AccelfrontError, match="fuse_lora"):
        study.script(tmp_path / "draw.py", study.trials[0], model=tmp_path / "mine")
