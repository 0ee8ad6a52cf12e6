"""Searches of a pipeline that a person has loaded, as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline, DPMSolverMultistepScheduler, StableDiffusionPipeline

import accelfront
from accelfront.screen.commands import Commands
from accelfront.screen.verdict import verdict
from objectives.embedded import DIT_DIR, PIPELINE_DIR
from storage.database.opening import open_store
from storage.reading.studies import read_studies
from studies.commands import onward_command
from tests.accel_space.pipe_state import assert_same_state, pipe_state
from tests.tiny_loras import save_lora
from tests.tiny_pipelines import tiny_sd

SMALL: dict[str, Any] = {
    "steps": 2,
    "num_samples": 2,
    "batch_size": 1,
    "confirm": False,
    "budget": {"clip_loss": 0.5},
    "trials": 1,
    "progress": False,
}

NO_TRIAL = SMALL | {"timeout_s": 1e-3}
"""What stores a study and measures no point."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/a.db"


def load() -> Any:
    """As anybody loads the shipped pipeline; with a scheduler of one's own."""
    pipe = StableDiffusionPipeline.from_pretrained(PIPELINE_DIR)
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(
        pipe.scheduler.config, use_karras_sigmas=True
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def picture(pipe: Any) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    images: torch.Tensor = pipe(
        "a red circle", num_inference_steps=2, generator=generator, output_type="pt"
    ).images
    return images


def test_a_pipe_is_measured_as_it_is_and_left_as_it_was(url: str) -> None:
    pipe = load()
    expected = picture(pipe)
    before, scheduler = pipe_state(pipe), dict(pipe.scheduler.config)
    random = torch.get_rng_state()

    study = accelfront.search(pipe, "deepcache", storage=url, guidance=5, **SMALL)

    assert_same_state(pipe_state(pipe), before)
    assert dict(pipe.scheduler.config) == scheduler
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(picture(pipe), expected)
    point = study.trials[0].point
    assert point.combination.pipeline == "tiny-shapes"
    assert point.combination.scheduler == "DPM-Solver++"
    assert point.protocol.guidance_scale == 5
    assert point.protocol.dtype == "float32"
    assert point.protocol.model.startswith("loaded-pipe@")


@pytest.mark.thorough
def test_the_same_pipe_resumes_its_study_and_a_changed_one_does_not(url: str) -> None:
    """That another process makes the same fingerprint is held in test_in_memory.py."""
    first = accelfront.search(load(), "deepcache", storage=url, **SMALL)
    again = accelfront.search(load(), "deepcache", storage=url, **SMALL)
    assert (again.name, len(again.trials)) == (first.name, 1)

    pipe = load()
    pipe.unet.conv_out.bias.data[0] += 0.01
    changed = accelfront.search(pipe, "deepcache", storage=url, **NO_TRIAL)
    assert changed.name != first.name
    pipe = load()
    pipe.scheduler = type(pipe.scheduler).from_config(
        pipe.scheduler.config, use_karras_sigmas=False
    )
    assert accelfront.search(pipe, "deepcache", storage=url, **NO_TRIAL).name != first.name
    assert len(accelfront.open(url)) == 3


def test_a_scheduler_is_asked_for_and_the_own_one_comes_back(url: str) -> None:
    pipe = load()
    own = pipe.scheduler
    study = accelfront.search(pipe, "deepcache", storage=url, scheduler="UniPC", **SMALL)
    assert study.trials[0].point.combination.scheduler == "UniPC"
    assert pipe.scheduler is own


def test_a_pipe_whose_prompts_are_encoded_beforehand_keeps_its_encoder(url: str) -> None:
    pipe: Any = DiffusionPipeline.from_pretrained(DIT_DIR)
    before = pipe_state(pipe)
    study = accelfront.search(pipe, "cfg_cutoff", storage=url, **SMALL)
    assert study.trials[0].point.protocol.timed == "embedding to picture"
    assert_same_state(pipe_state(pipe), before)


@pytest.mark.parametrize(
    "asked", [{"model": "a/b"}, {"revision": "main"}, {"device": "cpu"}, {"dtype": "fp16"}]
)
def test_what_a_pipe_has_is_not_asked_for_otherwise(url: str, asked: dict[str, Any]) -> None:
    told = f"measured as it is, on cpu in float32; leave {next(iter(asked))} out"
    with pytest.raises(accelfront.AccelfrontError, match=told):
        accelfront.search(tiny_sd(), "deepcache", storage=url, **SMALL, **asked)


def test_a_lora_is_fused_into_a_pipe_by_who_loaded_it(url: str, tmp_path: Path) -> None:
    lora = save_lora(tiny_sd(), tmp_path / "style.safetensors")
    with pytest.raises(accelfront.AccelfrontError, match=r"measured as it is; load the LoRA into"):
        accelfront.search(tiny_sd(), "deepcache", storage=url, loras=[lora], **SMALL)


def test_a_refused_pipe_leaves_no_study(url: str, tmp_path: Path) -> None:
    pipe = tiny_sd()
    pipe.hf_device_map = {"unet": 0}
    with pytest.raises(accelfront.AccelfrontError, match=r"call pipe.remove_all_hooks\(\)"):
        accelfront.search(pipe, "deepcache", storage=url, **SMALL)
    with pytest.raises(accelfront.AccelfrontError, match="no pipeline that accelfront knows"):
        accelfront.search(pipe.unet, "deepcache", storage=url, **SMALL)
    with pytest.raises(accelfront.AccelfrontError, match="First-Block-Cache"):
        accelfront.search(tiny_sd(), "first_block_cache", storage=url, **SMALL)
    assert not (tmp_path / "a.db").exists()


def test_a_failing_trial_leaves_the_pipe_as_it_was(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = load()
    before = pipe_state(pipe)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("objectives.pairs.PairRunner.run_pair", fail)
    with pytest.raises(KeyboardInterrupt):
        accelfront.search(pipe, "deepcache", storage=url, **SMALL)
    assert_same_state(pipe_state(pipe), before)


def test_a_script_needs_a_folder_that_holds_the_pipe(url: str, tmp_path: Path) -> None:
    pipe = load()
    study = accelfront.search(pipe, "deepcache", storage=url, **SMALL)
    trial = study.trials[0]
    with pytest.raises(
        accelfront.AccelfrontError, match=r"save it with pipe.save_pretrained\(FOLDER\), then"
    ):
        study.script(tmp_path / "a.py", trial)
    with pytest.raises(accelfront.AccelfrontError, match=r"measured another pipe than .* holds"):
        study.script(tmp_path / "a.py", trial, model=PIPELINE_DIR)

    pipe.save_pretrained(tmp_path / "mine")
    script = study.script(tmp_path, trial, model=tmp_path / "mine")

    assert str(tmp_path / "mine") in script.read_text()
    with pytest.raises(accelfront.AccelfrontError, match="cannot write"):
        study.script(tmp_path / "no" / "a.py", trial, model=tmp_path / "mine")


def test_no_command_is_shown_that_would_measure_another_model(url: str) -> None:
    accelfront.search(load(), "deepcache", storage=url, **SMALL)
    store = open_store(url)
    [record] = read_studies(store)
    assert onward_command(record, url).startswith("accelfront.search(pipe, ...)")
    [name] = [summary.study_name for summary in store.optuna.get_all_studies()]
    attributes = store.optuna.get_study_system_attrs(store.optuna.get_study_id_from_name(name))
    note = next(str(text) for key, text in attributes.items() if "note" in key)
    assert "accelfront.search(pipe, ...)" in note
    assert "accelfront study" not in note
    found = verdict(record, Commands([record]))
    assert found.command is None
    assert found.trial is None or "accelfront.accelerate(pipe, " in found.python
