"""LPIPS: its figures are torchmetrics' own, and its weights are found or refused in a line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchmetrics.functional.image import learned_perceptual_image_patch_similarity
from torchvision.models import alexnet

from objectives.errors import InputError, LoadError
from objectives.quality import METRICS
from objectives.quality.metric import Drawn, Metric, Use
from tests.metric_files import save_alexnet

CPU = torch.device("cpu")

LPIPS = METRICS["lpips"]


def pair(pictures: torch.Tensor, baseline: torch.Tensor) -> Drawn:
    none = np.zeros((len(pictures), 1), dtype=np.float32)
    return Drawn(["a cat"] * len(pictures), none, none, none, lambda _: none, pictures, baseline)


def pictures(count: int = 4, side: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def noisy(whole: torch.Tensor, deviation: float) -> torch.Tensor:
    noise = torch.randn(whole.shape, generator=torch.Generator().manual_seed(1))
    return (whole + deviation * noise).clamp(0, 1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_alexnet(tmp_path_factory.mktemp("weights") / "alexnet.pth")


@pytest.fixture(scope="module")
def lpips(file: Path) -> Metric:
    return LPIPS.loaded(LPIPS.find(file), CPU)


def test_fetched_weights_are_found_and_give_torchmetrics_own_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match="and the cache has none; give --weights lpips=FILE, or "):
        LPIPS.find(None)
    fetched = tmp_path / "hub" / "checkpoints" / "alexnet-owt-7be5be79.pth"
    fetched.parent.mkdir(parents=True)
    torch.save(alexnet(weights=None).state_dict(), fetched)

    found = LPIPS.find(None)

    assert found is not None
    assert re.fullmatch(r"alexnet-owt-7be5be79\.pth@[0-9a-f]{16}", found.name)
    whole = pictures()
    expected = learned_perceptual_image_patch_similarity(
        noisy(whole, 0.1), whole, net_type="alex", reduction="none", normalize=True
    )
    values = LPIPS.loaded(found, CPU).values(pair(noisy(whole, 0.1), whole))
    assert values == pytest.approx(expected.tolist(), rel=1e-4)


def test_a_greater_damage_is_a_greater_loss_and_none_is_no_loss(lpips: Metric) -> None:
    whole = pictures()
    losses = [
        lpips.loss(lpips.values(pair(noisy(whole, share), whole)), []).value
        for share in (0.0, 0.02, 0.05, 0.1)
    ]
    assert losses == sorted(losses)
    assert losses[0] == 0 < losses[1]


def test_the_loss_is_the_mean_value_inside_its_interval(lpips: Metric) -> None:
    values = lpips.values(pair(noisy(pictures(), 0.1), pictures()))
    loss = lpips.loss(values, [])
    assert loss.value == pytest.approx(np.mean(values))
    assert 0 <= loss.low < loss.value < loss.high


def test_half_precision_and_values_out_of_range_are_measured_as_they_are_seen(
    lpips: Metric,
) -> None:
    whole, damaged = pictures().half(), noisy(pictures(), 0.1).half()
    seen = lpips.values(pair(damaged.float(), whole.float()))
    assert lpips.values(pair(damaged, whole)) == pytest.approx(seen)
    beyond = torch.where(damaged == 1, 1.5, damaged)
    assert lpips.values(pair(beyond, whole)) == pytest.approx(seen)


def test_loading_leaves_the_random_numbers_of_the_study_alone(file: Path) -> None:
    before = torch.random.get_rng_state()
    LPIPS.loaded(LPIPS.find(file), CPU)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_models_memory_is_known_and_not_that_of_the_pipeline(lpips: Metric) -> None:
    # 2,469,696 parameters of the layers, 1,152 of the linear ones above them.
    assert lpips.held_mib == pytest.approx(4 * (2_469_696 + 1_152) / 2**20, rel=1e-3)
    assert LPIPS.held_mib == METRICS["ssim"].held_mib == 0


def test_the_smallest_pictures_are_those_that_it_takes(lpips: Metric) -> None:
    def use(side: int) -> Use:
        return Use(["a cat"], "scorer@0", side, 64)

    assert "at least 31 pixels, and these have 64x30" in LPIPS.why_not(use(30))
    assert LPIPS.why_not(use(31)) == ""
    small = pictures(1, 31)
    assert lpips.values(pair(noisy(small, 0.1), small))[0] > 0
    with pytest.raises(RuntimeError):
        lpips.values(pair(pictures(1, 30), pictures(1, 30)))


FEATURES = alexnet(weights=None).state_dict()
FIRST = "features.0.weight"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({}, f"it has no tensor {FIRST}"),
        (FEATURES | {FIRST: torch.ones(2, 2)}, f"its {FIRST} has shape (2, 2), and not (64, 3, 11"),
        (FEATURES | {FIRST: torch.full((64, 3, 11, 11), torch.nan)}, f"its {FIRST} holds NaN or"),
        ([1, 2], "it is no state dict of torch"),
        # A pickle of code is not run.
        (Path("/"), "it is no state dict of torch"),
    ],
)
def test_wrong_weights_are_refused_in_a_line_with_what_was_expected(
    tmp_path: Path, content: Any, told: str
) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(LoadError) as refusal:
        LPIPS.loaded(LPIPS.find(tmp_path / "a.pth"), CPU)
    assert told in str(refusal.value)
    assert "give the state dict of torchvision's AlexNet" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_safetensors_are_read_and_half_a_file_is_not(tmp_path: Path, lpips: Metric) -> None:
    tensors = torch.load(save_alexnet(tmp_path / "a.pth"))
    save_file(tensors, tmp_path / "a.safetensors")
    again = LPIPS.loaded(LPIPS.find(tmp_path / "a.safetensors"), CPU)
    drawn = pair(noisy(pictures(), 0.1), pictures())
    assert again.values(drawn) == pytest.approx(lpips.values(drawn))
    half = tmp_path / "half.safetensors"
    half.write_bytes((tmp_path / "a.safetensors").read_bytes()[:1000])
    with pytest.raises(LoadError, match="it has 1000 bytes, and its header promises"):
        LPIPS.loaded(LPIPS.find(half), CPU)


def test_a_folder_and_what_is_not_there_are_refused_before_anything_loads(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"lpips={tmp_path}: it is no file; give the state dict"):
        LPIPS.find(tmp_path)
    with pytest.raises(InputError, match=r"a\.pth: there is no such file; give the state dict"):
        LPIPS.find(tmp_path / "a.pth")
    with pytest.raises(InputError, match="--weights ssim: SSIM has no weights; leave it out"):
        METRICS["ssim"].find(tmp_path)
