from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from objectives.quality import METRICS
from objectives.quality.metric import Drawn, Embeddings
from objectives.quality.metrics.psnr import PSNR_CEILING_DB, Psnr
from objectives.quality.recorder import QualityRecorder
from objectives.statistics import mean_loss, relative_loss
from storage.records.protocol import METRICS as USUAL

EMBEDDING = np.array([[1.0, 0.0], [0.6, 0.8]], dtype=np.float32)


def no_texts(texts: Sequence[str]) -> Embeddings:
    raise AssertionError(texts)


def drawn(pictures: torch.Tensor, baseline: torch.Tensor) -> Drawn:
    count = len(pictures)
    return Drawn(
        prompts=["a circle"] * count,
        prompt_embeddings=EMBEDDING[[0] * count],
        embeddings=EMBEDDING[[1] * count],
        baseline_embeddings=EMBEDDING[[0] * count],
        embed=no_texts,
        pictures=pictures,
        baseline_pictures=baseline,
    )


def textured(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def by_hand(one: torch.Tensor, other: torch.Tensor) -> float:
    """SSIM of two pictures of one channel by the formula, over the windows that fit."""
    line = torch.exp(-((torch.arange(11.0) - 5) ** 2) / (2 * 1.5**2))
    window = torch.outer(line, line) / line.sum() ** 2

    def blurred(picture: torch.Tensor) -> torch.Tensor:
        patches: torch.Tensor = picture.unfold(0, 11, 1).unfold(1, 11, 1)
        return (patches * window).sum(dim=(2, 3))

    mean_a, mean_b = blurred(one), blurred(other)
    var_a, var_b = blurred(one**2) - mean_a**2, blurred(other**2) - mean_b**2
    cov = blurred(one * other) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    ratio = (2 * mean_a * mean_b + c1) * (2 * cov + c2)
    return float((ratio / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean())


def test_the_usual_metrics_are_all_there() -> None:
    assert set(USUAL) <= set(METRICS)
    assert all(name == metric.name for name, metric in METRICS.items())


def test_equal_pictures_lose_nothing() -> None:
    same = drawn(textured(), textured())
    for name in ("psnr", "ssim", "ms_ssim"):
        metric = METRICS[name]
        values = metric.values(same)
        loss = metric.loss(values, [])
        assert (loss.value, loss.low, loss.high) == pytest.approx((0, 0, 0), abs=1e-6), name


def test_ssim_is_that_of_the_formula() -> None:
    one = textured(1)
    other = (one * 0.7 + 0.1).clamp(0, 1)
    [value] = METRICS["ssim"].values(drawn(one, other))
    by_channel = [by_hand(one[0, channel], other[0, channel]) for channel in range(3)]
    assert value == pytest.approx(np.mean(by_channel), abs=1e-3)


@pytest.mark.parametrize(("value", "lost"), [(20.0, 0.1), (40.0, 0.01), (PSNR_CEILING_DB, 0.0)])
def test_the_loss_of_psnr_is_the_root_mean_squared_error(value: float, lost: float) -> None:
    assert Psnr().lost(value) == pytest.approx(lost)


def test_half_precision_is_scored_in_single() -> None:
    one, other = textured().half(), (textured() * 0.9).half()
    for name in ("psnr", "ssim"):
        in_single = METRICS[name].values(drawn(one.float(), other.float()))
        assert METRICS[name].values(drawn(one, other)) == pytest.approx(in_single)


def test_a_mean_loss_has_the_interval_of_a_relative_one() -> None:
    losses = [0.02, 0.0, 0.01, 0.3]
    relative = relative_loss([1.0] * 4, [1 - loss for loss in losses])
    mean = mean_loss(losses)
    assert mean.value == pytest.approx(relative.value)
    assert (mean.low, mean.high) == pytest.approx((relative.low, relative.high))


def test_no_loss_against_the_baselines_own_picture_is_below_none() -> None:
    loss = METRICS["ssim"].loss([1.0, 1.0, 1.0, 0.2], [])
    assert mean_loss([0.0, 0.0, 0.0, 0.8]).low < 0
    assert loss.low == 0
    assert loss.value == pytest.approx(0.2)
    assert loss.high > 0.8


def test_a_picture_counts_once_and_one_alone_has_no_interval() -> None:
    recorder = QualityRecorder([METRICS["psnr"], METRICS["clip_loss"]])
    one = textured(1)
    for _ in range(2):
        recorder.add(range(3, 4), drawn(one, one + 0.1))
    result = recorder.results()["psnr"]
    assert (result.samples, result.loss_ci) == (1, None)
    assert result.value == pytest.approx(20, abs=1e-3)
    recorder.add(range(2, 3), drawn(one, one + 0.01))
    result = recorder.results()["psnr"]
    assert result.samples == 2
    assert result.loss_ci is not None
    assert recorder.in_order("psnr") == pytest.approx([40, 20], abs=1e-2)


def test_without_the_baselines_pictures_embeddings_alone_are_measured() -> None:
    recorder = QualityRecorder([METRICS[name] for name in USUAL])
    pair = drawn(textured(), textured())
    recorder.add(range(2), Drawn(
        pair.prompts, pair.prompt_embeddings, pair.embeddings, pair.baseline_embeddings, no_texts
    ))  # fmt: skip
    found = recorder.results()
    assert list(found) == ["clip_loss", "image_similarity"]
    assert found["image_similarity"].loss == pytest.approx(0.4)
    assert found["clip_loss"].loss == pytest.approx(0.4), "of a cosine of 1 before"
