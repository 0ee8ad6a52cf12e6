"""What tells one model from another: all that is loaded, and nothing else."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from objectives.embedded import PIPELINE_DIR, SCORER_DIR
from objectives.model_files.fingerprint import split_fingerprint
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.model import find_model, fingerprints, is_own
from objectives.quality.scorer import find_scorer
from tests.tiny_pipelines import save_tiny, tiny_pipeline

TINY, SD15 = PIPELINES["tiny-shapes"], PIPELINES["SD1.5"]

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


@pytest.fixture
def tiny_shapes(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PIPELINE_DIR, tmp_path / "tiny-shapes"))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_tiny("SD1.5", tmp_path / "sd")


def name_of(folder: Path) -> str:
    return find_model(SD15, str(folder), None).name


def test_weights_in_the_middle_of_a_large_file_count(tiny_shapes: Path) -> None:
    before = find_model(TINY, str(tiny_shapes), None).name
    file = tiny_shapes / "unet" / "diffusion_pytorch_model.safetensors"
    size = file.stat().st_size
    weights = load_file(file)
    changed = [name for name in weights if name.startswith("mid_block")]
    assert changed
    save_file(
        weights | {name: torch.zeros_like(weights[name]) for name in changed},
        file,
        # As diffusers writes it, so that not even the header differs.
        metadata={"format": "pt"},
    )
    assert file.stat().st_size == size
    assert find_model(TINY, str(tiny_shapes), None).name != before


def other_variant(folder: Path) -> None:
    tiny_pipeline("SD1.5").unet.save_pretrained(folder / "unet", variant="ema")


def hub_cache(folder: Path) -> None:
    cache = folder / ".cache" / "huggingface" / "download"
    cache.mkdir(parents=True)
    (cache / "model_index.json.metadata").write_text("0123\n")


@pytest.mark.parametrize(
    "add",
    [
        lambda folder: (folder / "README.md").write_text("# mine"),
        lambda folder: (folder / "unet" / "README.md").write_text("# mine"),
        hub_cache,
        other_variant,
        lambda folder: (folder / "pytorch_lora_weights.safetensors").touch(),
        lambda folder: (folder / "loop").symlink_to(folder, target_is_directory=True),
    ],
    ids=["readme", "a part's readme", "the hub's cache", "a variant", "a lora", "a loop"],
)
def test_what_is_not_loaded_does_not_count(saved: Path, add: Callable[[Path], object]) -> None:
    before = name_of(saved)
    add(saved)
    assert name_of(saved) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("model_index.json", '"DDIMScheduler"', '"PNDMScheduler"'),
        ("scheduler/scheduler_config.json", '"scaled_linear"', '"linear"'),
        ("unet/config.json", '"center_input_sample": false', '"center_input_sample": true'),
        ("text_encoder/config.json", '"layer_norm_eps": 1e-05', '"layer_norm_eps": 1e-06'),
        ("tokenizer/tokenizer_config.json", "{", '{"clean_up_tokenization_spaces": true,'),
        ("tokenizer/tokenizer.json", "{", "{ "),
    ],
)
def test_every_configuration_that_is_loaded_counts(
    saved: Path, file: str, old: str, new: str
) -> None:
    before = name_of(saved)
    text = (saved / file).read_text()
    assert old in text
    (saved / file).write_text(text.replace(old, new, 1))
    assert name_of(saved) != before


def test_the_variant_that_is_loaded_counts(saved: Path) -> None:
    plain = name_of(saved)
    tiny_pipeline("SD1.5").unet.save_pretrained(saved / "unet", variant="fp16")
    assert name_of(saved) != plain
    tiny_shapes_sees = find_model(TINY, str(saved), None)
    assert (tiny_shapes_sees.name, tiny_shapes_sees.variant) == (plain, None)


def test_weights_in_pieces_count(saved: Path) -> None:
    unet = tiny_pipeline("SD1.5").unet
    (saved / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    unet.save_pretrained(saved / "unet", max_shard_size="100KB")
    before = name_of(saved)
    last = max((saved / "unet").glob("*-of-*.safetensors"))
    save_file(
        {name: tensor + 1 for name, tensor in load_file(last).items()},
        last,
        metadata={"format": "pt"},
    )
    assert name_of(saved) != before


def test_a_scorer_counts_in_full_and_by_what_is_loaded(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SCORER_DIR, tmp_path / "scorer"))
    before = find_scorer(str(folder)).name
    (folder / "README.md").write_text("# mine")
    assert find_scorer(str(folder)).name == before
    file = folder / "open_clip_model.safetensors"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    changed = find_scorer(str(folder)).name
    assert changed != before
    from_file = find_scorer(f"ViT-B-32:{file}").name
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert find_scorer(f"ViT-B-32:{file}").name != from_file


@pytest.mark.parametrize("sweep", ["sweep-offline-prototype", "sweep-offline-pixart"])
def test_studies_of_the_first_release_know_the_catalogues_models(
    sweep: str, tmp_path: Path
) -> None:
    database = tmp_path / "a.db"
    database.write_bytes(gzip.decompress((RESULTS / f"{sweep}.db.gz").read_bytes()))
    query = "SELECT DISTINCT value_json FROM study_user_attributes WHERE key = 'protocol'"
    measured = {json.loads(text)["model"] for (text,) in sqlite3.connect(database).execute(query)}
    assert measured
    for name in measured:
        plain, digits = split_fingerprint(name)
        assert len(digits) == 8
        assert is_own(PIPELINES[plain], name)
        assert not is_own(PIPELINES[plain], f"{plain}@00000000")


def test_a_folder_that_links_into_itself_still_has_its_earlier_fingerprint(saved: Path) -> None:
    before = fingerprints(saved)
    (saved / "loop").symlink_to(saved, target_is_directory=True)
    assert fingerprints(saved) == before
