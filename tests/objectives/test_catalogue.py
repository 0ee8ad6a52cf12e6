from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from accel_space.profile import Profile
from objectives.catalogue import PIPELINES, find_pipeline, read_architecture
from objectives.errors import InputError
from tests.tiny_pipelines import tiny_sd

TINY_SHAPES = PIPELINES["tiny-shapes"]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_sd().save_pretrained(folder)
    return folder


@pytest.fixture
def changeable_folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the configurations alone: weights are not read."""
    ignored = shutil.ignore_patterns("*.safetensors")
    return Path(shutil.copytree(model_folder, tmp_path / "copy", ignore=ignored))


@pytest.mark.parametrize("name", ["tiny-shapes", "Tiny-Shapes", "TINY-SHAPES"])
def test_pipeline_is_found_whatever_the_case(name: str) -> None:
    assert find_pipeline(name) is TINY_SHAPES


@pytest.mark.parametrize("name", ["", "tiny", "SD9"])
def test_unknown_pipeline_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(InputError, match=f"unknown pipeline '{name}'; the catalogue has tiny-shap"):
        find_pipeline(name)


def test_every_entry_goes_by_its_own_name_and_can_be_measured() -> None:
    for name, entry in PIPELINES.items():
        assert entry.name == name
        assert entry.num_samples >= entry.batch_size >= 1
        assert entry.height > 0 and entry.width > 0


@pytest.mark.parametrize("size", [(16, 16), (24, 8)])
def test_profile_is_that_of_the_loaded_pipe(model_folder: Path, size: tuple[int, int]) -> None:
    pipe = tiny_sd()
    # Its VAE has one block: a latent pixel is a pixel.
    loaded = Profile.from_unet_config("StableDiffusionPipeline", pipe.unet.config, size)
    assert read_architecture(TINY_SHAPES, model_folder).profile(*size) == loaded


def test_scheduler_is_that_of_the_loaded_pipe(model_folder: Path) -> None:
    scheduler = read_architecture(TINY_SHAPES, model_folder).scheduler
    assert scheduler["_class_name"] == "DDIMScheduler"
    assert scheduler["beta_schedule"] == "scaled_linear"


def test_size_that_the_vae_cannot_draw_is_refused(changeable_folder: Path) -> None:
    config = changeable_folder / "vae" / "config.json"
    vae = json.loads(config.read_text())
    config.write_text(json.dumps({**vae, "block_out_channels": [8, 8, 8, 8]}))
    architecture = read_architecture(TINY_SHAPES, changeable_folder)
    assert architecture.profile(64, 32).latent_size == (8, 4)
    for height, width in ((60, 64), (64, 60)):
        with pytest.raises(InputError, match="multiple of 8: 60"):
            architecture.profile(height, width)


def test_folder_that_is_no_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(InputError, match=r"no model in diffusers layout.*save_pretrained"):
            read_architecture(TINY_SHAPES, folder)


def test_model_of_another_class_is_refused(model_folder: Path) -> None:
    entry = replace(TINY_SHAPES, name="SDXL", pipeline_class="StableDiffusionXLPipeline")
    with pytest.raises(InputError, match=r"SDXL is a .*XLPipeline.*holds a StableDiff"):
        read_architecture(entry, model_folder)


@pytest.mark.parametrize(
    "name",
    ["model_index.json", "unet/config.json", "vae/config.json", "scheduler/scheduler_config.json"],
)
@pytest.mark.parametrize("content", [None, "", "{", "[]", b"\xff"])
def test_broken_configuration_is_refused_in_one_line(
    changeable_folder: Path, name: str, content: str | bytes | None
) -> None:
    path = changeable_folder / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=name) as refusal:
        read_architecture(TINY_SHAPES, changeable_folder)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["unet", "vae"])
def test_configuration_without_blocks_is_refused(changeable_folder: Path, name: str) -> None:
    (changeable_folder / name / "config.json").write_text("{}")
    with pytest.raises(InputError, match=f"{name}/config.json must list its"):
        read_architecture(TINY_SHAPES, changeable_folder)
