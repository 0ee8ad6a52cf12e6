from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from objectives.errors import InputError
from objectives.pipelines.architecture import ARCHITECTURES, known_architecture, read_architecture
from objectives.pipelines.catalogue import PIPELINES
from tests.tiny_pipelines import FAMILIES, PICTURE_SIZE, save_tiny, tiny_profile, tiny_sd

SD = "StableDiffusionPipeline"


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


@pytest.mark.parametrize("size", [(16, 16), (24, 8)])
def test_profile_is_that_of_the_loaded_pipe(model_folder: Path, size: tuple[int, int]) -> None:
    # Its VAE has one block: a latent pixel is a pixel.
    assert read_architecture(model_folder, SD).profile(*size) == tiny_profile(tiny_sd(), size)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_read_with_its_native_size(family: str, tmp_path: Path) -> None:
    folder = save_tiny(family, tmp_path / "m")
    architecture = read_architecture(folder, PIPELINES[family].pipeline_class)
    assert architecture.native_size == (PICTURE_SIZE, PICTURE_SIZE)
    is_transformer = family.startswith("PixArt")
    assert (not architecture.profile(*architecture.native_size).down_resnets) == is_transformer


@pytest.mark.parametrize(
    ("name", "size", "blocks"),
    [
        ("SD1.5", 512, 4),
        ("SD2.1", 768, 4),
        ("SDXL", 1024, 3),
        ("PixArt-alpha", 1024, 0),
        ("PixArt-Sigma", 1024, 0),
    ],
)
def test_models_of_the_catalogue_are_known_without_a_download(
    name: str, size: int, blocks: int
) -> None:
    architecture = known_architecture(name)
    assert architecture.native_size == (size, size)
    assert len(architecture.profile(size, size).down_resnets) == blocks
    assert architecture.pipeline_class == PIPELINES[name].pipeline_class


def test_every_known_architecture_is_in_the_catalogue() -> None:
    assert {path.stem for path in ARCHITECTURES.iterdir()} <= PIPELINES.keys()


def test_scheduler_is_that_of_the_loaded_pipe(model_folder: Path) -> None:
    scheduler = read_architecture(model_folder, SD).scheduler
    assert scheduler["_class_name"] == "DDIMScheduler"
    assert scheduler["beta_schedule"] == "scaled_linear"


def test_size_that_the_vae_cannot_draw_is_refused(changeable_folder: Path) -> None:
    config = changeable_folder / "vae" / "config.json"
    vae = json.loads(config.read_text())
    config.write_text(json.dumps({**vae, "block_out_channels": [8, 8, 8, 8]}))
    architecture = read_architecture(changeable_folder, SD)
    assert architecture.profile(64, 32).latent_size == (8, 4)
    for height, width in ((60, 64), (64, 60)):
        with pytest.raises(InputError, match=f"multiples of 8, and {width}x{height}"):
            architecture.profile(height, width)


def test_folder_that_is_no_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(InputError, match=r"no model in diffusers layout.*save_pretrained"):
            read_architecture(folder, SD)


def test_model_of_another_class_is_refused(model_folder: Path) -> None:
    with pytest.raises(InputError, match=r"is a .*XLPipeline, and .* holds a StableDiff"):
        read_architecture(model_folder, "StableDiffusionXLPipeline")


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
        read_architecture(changeable_folder, SD)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("unet", {"sample_size": 8}, "down_block_types"),
        ("unet", {"sample_size": 8, "down_block_types": 3}, "down_block_types"),
        ("unet", {"sample_size": 8.5, "down_block_types": ["DownBlock2D"]}, "sample_size"),
        ("unet", {"sample_size": [8], "down_block_types": ["DownBlock2D"]}, "sample_size"),
        ("vae", {}, "block_out_channels"),
        ("vae", {"block_out_channels": []}, "block_out_channels"),
        ("unet", {"down_block_types": ["DownBlock2D"]}, "sample_size"),
    ],
)
def test_configuration_without_what_a_space_depends_on_is_refused(
    changeable_folder: Path, name: str, content: dict[str, object], told: str
) -> None:
    (changeable_folder / name / "config.json").write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=f"{name}/config.json has no usable {told}: .*save_pretrained"
    ):
        read_architecture(changeable_folder, SD)


def test_a_model_that_draws_from_a_picture_is_refused(changeable_folder: Path) -> None:
    config = changeable_folder / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "in_channels": 9}))
    with pytest.raises(InputError, match=r"unet/config.json: in_channels is 9, .*inpainting"):
        read_architecture(changeable_folder, SD)


@pytest.mark.parametrize(
    ("family", "part", "sample_size", "told"),
    [
        # Their VAE halves the size, and diffusers' pipelines take multiples of 8 alone.
        ("SD1.5", "unet", 10, "multiples of 8, and 20x20"),
        ("PixArt-alpha", "transformer", 27, "multiples of 8, and 54x54"),
    ],
)
def test_a_native_size_that_the_pipeline_does_not_draw_is_refused(
    family: str, part: str, sample_size: int, told: str, tmp_path: Path
) -> None:
    folder = save_tiny(family, tmp_path / "m")
    config = folder / part / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "sample_size": sample_size}))
    architecture = read_architecture(folder, PIPELINES[family].pipeline_class)
    with pytest.raises(InputError, match=told):
        architecture.profile(*architecture.native_size)


def test_methods_find_the_same_in_a_model_that_another_release_wrote() -> None:
    known = known_architecture("SD1.5")
    rewritten = replace(known, scheduler=known.scheduler | {"_diffusers_version": "9.9"})
    assert rewritten != known and rewritten.works_as(known)
    shifted = replace(known, scheduler=known.scheduler | {"steps_offset": 7})
    assert not shifted.works_as(known)
    assert not known_architecture("SDXL").works_as(known)
