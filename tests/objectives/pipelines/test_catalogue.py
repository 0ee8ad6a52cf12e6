from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from objectives.embedded import CAPTION_LENGTH
from objectives.embedded.draw import PIXELS
from objectives.errors import InputError
from objectives.pipelines.catalogue import PIPELINES, find_pipeline
from objectives.pipelines.embedded import EMBEDDED
from objectives.pipelines.entry import PipelineEntry
from objectives.prompts import read_prompts
from objectives.settings.generation import GenerationSettings


@pytest.mark.parametrize("name", ["tiny-shapes", "Tiny-Shapes", "TINY-SHAPES"])
def test_pipeline_is_found_whatever_the_case(name: str) -> None:
    assert find_pipeline(name) is PIPELINES["tiny-shapes"]


@pytest.mark.parametrize("name", ["", "SD9", "stable"])
def test_unknown_pipeline_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(InputError, match=f"unknown pipeline '{name}'; the catalogue has tiny-shap"):
        find_pipeline(name)


def test_an_unknown_pipeline_is_told_what_to_do() -> None:
    with pytest.raises(InputError, match=r"--pipeline SDXL --model FOLDER.*adding-a") as refusal:
        find_pipeline("HunyuanDiT")
    assert "did you mean" not in str(refusal.value)


def test_near_miss_is_told_the_name_that_was_meant() -> None:
    with pytest.raises(InputError, match=r"did you mean SDXL\?"):
        find_pipeline("SDXL1")


@pytest.mark.parametrize("entry", PIPELINES.values(), ids=lambda entry: entry.name)
def test_every_entry_can_be_measured_by_its_defaults(entry: object) -> None:
    entry = find_pipeline(entry.name)  # type: ignore[attr-defined]
    assert len(read_prompts(entry.prompts)) >= entry.num_samples >= entry.batch_size >= 1
    height, width = entry.size_with(entry.architecture)
    profile = entry.architecture.profile(height, width)
    assert profile.pipeline_class == entry.pipeline_class
    assert (entry.guidance_scale > 1) == (profile.guidance != "none")
    # A distilled model draws in few.
    assert (entry.steps < 8) == profile.few_steps


def test_pictures_are_of_the_size_asked_for_then_of_the_entrys_then_of_the_models() -> None:
    flux = PIPELINES["FLUX.1-dev"]
    small = replace(flux, size=(64, 96))
    asked = GenerationSettings(size=(48, 32))
    sizes = [
        settings.size_with(entry, flux.architecture)
        for settings in (asked, GenerationSettings())
        for entry in (small, flux)
    ]
    assert sizes == [(32, 48), (32, 48), (64, 96), (1024, 1024)]


@pytest.mark.parametrize("entry", EMBEDDED, ids=lambda entry: entry.name)
def test_embedded_pipelines_draw_their_world_and_read_what_their_tokenizers_take(
    entry: PipelineEntry,
) -> None:
    assert entry.size_with(entry.architecture) == (PIXELS, PIXELS)
    told = entry.call.get("max_sequence_length")
    # Without a mask a pipeline reads what fills a prompt up, too.
    assert (told is None) == (entry.usual_scheduler == "DDIM")
    for file in Path(entry.model).glob("tokenizer*/tokenizer_config.json"):
        assert json.loads(file.read_text("utf-8"))["model_max_length"] == (told or CAPTION_LENGTH)
