"""How far pictures are from the baseline's to the eye: LPIPS."""

from __future__ import annotations

from pathlib import Path

from objectives.quality.metric import Drawn, Use
from objectives.quality.model_metric import Loaded, ModelMetric

LEAST = 31
"""Pixels of the shorter side; AlexNet's poolings reduce a smaller picture to nothing."""


class Lpips(ModelMetric):
    """The distance of each picture to the baseline's in the features of AlexNet; 0 for equal ones.

    R. Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric, CVPR
    (2018), 586-595; version 0.1. torchmetrics brings its linear layers, and torchvision's AlexNet
    is the network below them. A picture is used at its own size.
    """

    name = "lpips"
    title = "LPIPS"
    more_is_better = False
    needs = frozenset({"pictures", "pairs"})
    loads = "the state dict of torchvision's AlexNet (alexnet-owt-7be5be79.pth, 233 MB)"
    fetched_by = (
        """python -c "import torchvision; torchvision.models.alexnet(weights='DEFAULT')\""""
    )

    def why_not(self, use: Use) -> str:
        """See `Metric.why_not`."""
        if min(use.height, use.width) >= LEAST:
            return ""
        return (
            f"it takes pictures of at least {LEAST} pixels, and these have {use.width}x{use.height}"
        )

    def cached(self) -> Path | None:
        """See `ModelMetric.cached`."""
        import torch

        folder = Path(torch.hub.get_dir()) / "checkpoints"
        return next(iter(sorted(folder.glob("alexnet-owt-*.pth"))), None)

    def load(self, path: Path) -> Loaded:
        """See `ModelMetric.load`."""
        from torch import nn
        from torchmetrics.functional.image.lpips import _LPIPS

        # Asked for a random network, it fetches none.
        model = _LPIPS(pretrained=True, net="alex", pnet_rand=True)
        layers = {
            name: layer for part in model.net.children() for name, layer in part.named_children()
        }
        self.fill(nn.ModuleDict({"features": nn.ModuleDict(layers)}), path)
        return Loaded(model)

    def values(self, drawn: Drawn) -> list[float]:
        """See `Metric.values`."""
        import torch

        assert drawn.pictures is not None
        assert drawn.baseline_pictures is not None
        pair = (each.float().clamp(0, 1) for each in (drawn.pictures, drawn.baseline_pictures))
        with torch.inference_mode():
            # From 0 to 1 to the network's -1 to 1.
            found = self.in_memory.model(*pair, normalize=True)
        return [float(value) for value in found.reshape(-1)]
