"""How far pixels are from the baseline's: the peak signal-to-noise ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from objectives.quality.metric import Drawn, Metric

if TYPE_CHECKING:
    import torch

PSNR_CEILING_DB = 100.0
"""The value of equal pictures, since their PSNR is infinite."""


class Psnr(Metric):
    """PSNR in dB; its loss is the root mean squared error, as a share of the range of pixels."""

    name = "psnr"
    title = "PSNR"
    more_is_better = True
    needs = frozenset({"pictures", "pairs"})

    def values(self, drawn: Drawn) -> list[float]:
        """See `Metric.values`."""
        assert drawn.pictures is not None
        assert drawn.baseline_pictures is not None
        return psnr_db(drawn.pictures, drawn.baseline_pictures)

    def lost(self, value: float) -> float:
        """A PSNR of p dB is a root mean squared error of 10^(-p / 20) of the range."""
        return 0.0 if value >= PSNR_CEILING_DB else float(10 ** (-value / 20))


def psnr_db(images: torch.Tensor, references: torch.Tensor) -> list[float]:
    """Peak signal-to-noise ratio of each picture against its reference, in dB.

    Args:
        images: Shape (batch, 3, height, width), values 0 to 1.
        references: Same shape.

    Returns:
        One value per picture, at most `PSNR_CEILING_DB`.
    """
    from torchmetrics.functional.image import peak_signal_noise_ratio

    ratios = peak_signal_noise_ratio(
        images.float(), references.float(), data_range=1.0, reduction="none", dim=(1, 2, 3)
    )
    return [min(float(ratio), PSNR_CEILING_DB) for ratio in ratios]
