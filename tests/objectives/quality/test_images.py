from __future__ import annotations

import math

import pytest
import torch

from objectives.errors import MeasurementError
from objectives.quality.images import refuse_degenerate
from objectives.quality.metrics.psnr import PSNR_CEILING_DB, psnr_db

SHAPE = (3, 3, 8, 8)


def textured(low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    return low + (high - low) * torch.rand(SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_non_finite_value_is_refused(value: float) -> None:
    images = textured()
    images[1, 2, 3, 4] = value
    with pytest.raises(MeasurementError, match="non-finite"):
        refuse_degenerate(images)


@pytest.mark.parametrize("level", [0.0, 0.5 / 255])
def test_one_black_picture_of_a_batch_is_refused(level: float) -> None:
    images = textured()
    images[2] = level
    with pytest.raises(MeasurementError, match="black"):
        refuse_degenerate(images)


@pytest.mark.parametrize("colour", [(0.2, 0.5, 0.9), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0)])
def test_one_picture_of_a_single_colour_is_refused(colour: tuple[float, float, float]) -> None:
    images = textured()
    images[0] = torch.tensor(colour)[:, None, None]
    with pytest.raises(MeasurementError, match="constant"):
        refuse_degenerate(images)


def test_single_colour_with_rounding_noise_is_refused() -> None:
    with pytest.raises(MeasurementError, match="constant"):
        refuse_degenerate(textured(0.5, 0.5 + 1 / 255))


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (0.0, 0.03), (0.97, 1.0)], ids=["usual", "dark", "bright"]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_textured_picture_passes(low: float, high: float, dtype: torch.dtype) -> None:
    refuse_degenerate(textured(low, high).to(dtype))


def test_picture_with_structure_in_one_channel_passes() -> None:
    images = torch.zeros(SHAPE)
    images[:, 0, :4] = 0.5
    refuse_degenerate(images)


def test_equal_pictures_are_at_the_ceiling() -> None:
    assert psnr_db(textured(), textured()) == pytest.approx([PSNR_CEILING_DB] * 3)


def test_psnr_has_its_known_value_for_each_picture() -> None:
    references = torch.zeros(2, 3, 4, 4)
    images = references.clone()
    images[0] += 0.1  # Mean squared error 0.01.
    images[1, :, :2] += 1.0  # Half of all pixels wrong by 1.
    assert psnr_db(images, references) == pytest.approx([20.0, 10 * math.log10(2)], abs=1e-4)


def test_psnr_of_half_precision_is_computed_in_single() -> None:
    references = torch.full((1, 3, 4, 4), 0.5)
    images = references + 2**-11
    assert psnr_db(images.half(), references.half()) == pytest.approx([66.2266], abs=1e-3)
