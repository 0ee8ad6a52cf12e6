"""A study under settings of its own: measured, kept, named and resumed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from diffusers import StableDiffusionPipeline

from objectives.embedded import PIPELINE_DIR
from objectives.errors import InputError
from objectives.settings.generation import AskedLora, GenerationSettings
from storage.database.opening import Store
from storage.reading.studies import read_studies, study_names
from studies.commands import going_on, study_command
from studies.plan import make_plan
from studies.run.runner import run_study
from tests.studies.conftest import MakeRequest
from tests.tiny_loras import save_lora


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loras")
    pipe = StableDiffusionPipeline.from_pretrained(PIPELINE_DIR, safety_checker=None)
    return save_lora(pipe, folder / "my style.safetensors", 0.05)


def test_a_study_with_a_lora_is_measured_and_resumed_from_any_folder(
    make_request: MakeRequest,
    store: Store,
    lora: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(lora.parent)
    settings = GenerationSettings(
        guidance_scale=8.0,
        negative_prompt="a blue circle",
        scheduler_options={"timestep_spacing": "trailing"},
        loras=(AskedLora(Path(lora.name), 0.5),),
    )
    request = make_request(trials=1, steps=4, generation=settings)
    plan = make_plan(request)
    assert any("my style.safetensors is fused into the weights" in note for note in plan.notes)

    run_study(plan, store)

    [study] = read_studies(store)
    [kept] = study.protocol.loras
    assert kept.name.startswith("my style@") and (kept.scale, kept.fused) == (0.5, True)
    assert "peft" in study.versions
    monkeypatch.chdir(tmp_path)
    again = going_on(study)
    assert make_plan(again).study_name == study.name
    words = shlex.split(study_command(again))
    assert words[words.index("--lora") + 1] == f"{lora}:0.5"


def test_a_lora_and_its_scale_name_another_study(make_request: MakeRequest, lora: Path) -> None:
    loras = [(), (AskedLora(lora),), (AskedLora(lora, 0.5),), (AskedLora(lora), AskedLora(lora))]
    names = {
        make_plan(make_request(generation=GenerationSettings(loras=each))).study_name
        for each in loras
    }
    assert len(names) == 4


def test_a_lora_that_does_not_fit_leaves_no_study(
    make_request: MakeRequest, store: Store, lora: Path
) -> None:
    settings = GenerationSettings(loras=(AskedLora(lora),))
    plan = make_plan(make_request(pipeline="tiny-shapes-xl", trials=1, generation=settings))
    with pytest.raises(InputError, match="its shapes are those of another model"):
        run_study(plan, store)
    assert not study_names(store)


@pytest.mark.parametrize("scale", [0.0, 101.0, float("nan")])
def test_a_scale_that_does_nothing_good_is_refused(
    make_request: MakeRequest, lora: Path, scale: float
) -> None:
    with pytest.raises(InputError, match=r"--lora takes a scale from -100 to 100 that is not 0"):
        make_plan(make_request(generation=GenerationSettings(loras=(AskedLora(lora, scale),))))
