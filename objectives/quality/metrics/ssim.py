"""How far the structure of pictures is from the baseline's: SSIM."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from objectives.quality.metric import Drawn, Metric

if TYPE_CHECKING:
    import torch


class Ssim(Metric):
    """The structural similarity of each picture to the baseline's; 1 for equal ones.

    Z. Wang et al., Image quality assessment: from error visibility to structural similarity, IEEE
    Trans. Image Process. 13 (2004), 600-612; a Gaussian window of 11 pixels, each colour by itself.
    """

    name = "ssim"
    title = "SSIM"
    more_is_better = True
    needs = frozenset({"pictures", "pairs"})

    def values(self, drawn: Drawn) -> list[float]:
        """See `Metric.values`."""
        from torchmetrics.functional.image import structural_similarity_index_measure

        assert drawn.pictures is not None
        assert drawn.baseline_pictures is not None
        pair = drawn.pictures.float(), drawn.baseline_pictures.float()
        # It returns a tuple only if it is asked for more than this.
        similar = structural_similarity_index_measure(*pair, data_range=1.0, reduction="none")
        return [float(value) for value in cast("torch.Tensor", similar).reshape(-1)]
