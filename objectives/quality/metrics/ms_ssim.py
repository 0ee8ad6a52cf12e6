"""How far the structure of pictures is from the baseline's at several scales: MS-SSIM."""

from __future__ import annotations

from objectives.quality.metric import Drawn, Metric, Use

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the scales, finest first: table 1 of the paper."""

WINDOW = 11
"""The side of SSIM's Gaussian window, in pixels. The coarsest scale holds at least one."""


class MsSsim(Metric):
    """The structural similarity of each picture to the baseline's at up to five scales.

    Z. Wang, E. P. Simoncelli, A. C. Bovik, Multiscale structural similarity for image quality
    assessment, Asilomar Conf. on Signals, Systems and Computers (2003), 1398-1402. Pictures of
    less than 176 pixels have fewer scales; the weights of those are made to add up to 1.
    """

    name = "ms_ssim"
    title = "MS-SSIM"
    more_is_better = True
    needs = frozenset({"pictures", "pairs"})

    def why_not(self, use: Use) -> str:
        """See `Metric.why_not`."""
        if min(use.height, use.width) >= WINDOW:
            return ""
        return f"it compares windows of {WINDOW} pixels, and a picture has {use.width}x{use.height}"

    def values(self, drawn: Drawn) -> list[float]:
        """See `Metric.values`."""
        from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

        assert drawn.pictures is not None
        assert drawn.baseline_pictures is not None
        pair = drawn.pictures.float(), drawn.baseline_pictures.float()
        similar = multiscale_structural_similarity_index_measure(
            *pair, data_range=1.0, betas=_weights(min(pair[0].shape[-2:])), reduction="none"
        )
        return [float(value) for value in similar.reshape(-1)]


def _weights(side: int) -> tuple[float, ...]:
    """The weights of the scales of a picture with this shorter side, in pixels."""
    # Each scale halves the picture. For four of them the library demands more than that needs.
    scales = max(
        (
            count
            for count in range(2, len(WEIGHTS) + 1)
            if min(side // 2 ** (count - 1), side // (count - 1) ** 2) >= WINDOW
        ),
        default=1,
    )
    kept = WEIGHTS[:scales]
    return tuple(weight / sum(kept) for weight in kept)
