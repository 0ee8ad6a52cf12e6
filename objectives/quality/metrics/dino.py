"""How similar pictures are to the baseline's, as DINOv2 sees them."""

from __future__ import annotations

from pathlib import Path

from objectives.model_files.hub import cached_file
from objectives.quality.images import as_seen
from objectives.quality.metric import Drawn
from objectives.quality.model_metric import Loaded, ModelMetric

NAME = "vit_small_patch14_dinov2.lvd142m"
"""timm's name of the model: the smallest of the four. Its features distinguish pictures as well as
those of its larger siblings for this purpose: the same picture drawn with less work."""


class Dino(ModelMetric):
    """The cosine between the features of each picture and those of the baseline's.

    M. Oquab et al., DINOv2: learning robust visual features without supervision, TMLR (2024). It
    never saw a caption: it distinguishes objects, parts and textures, and not what they are called.
    timm prepares the pictures as the model was trained, but shows them whole: at 518x518 pixels,
    with nothing cropped.
    """

    name = "dino"
    title = "DINOv2 similarity to the baseline"
    more_is_better = True
    needs = frozenset({"pictures", "pairs"})
    loads = "the state dict of DINOv2 ViT-S/14 (timm/vit_small_patch14_dinov2.lvd142m, 88 MB)"
    fetched_by = "hf download timm/vit_small_patch14_dinov2.lvd142m model.safetensors"

    def cached(self) -> Path | None:
        """See `ModelMetric.cached`."""
        return cached_file(f"timm/{NAME}", "model.safetensors")

    def load(self, path: Path) -> Loaded:
        """See `ModelMetric.load`."""
        import timm
        from timm.data.config import resolve_model_data_config
        from timm.data.transforms_factory import create_transform

        model = timm.create_model(NAME, pretrained=False)
        self.fill(model, path)
        config = resolve_model_data_config(model)  # type: ignore[no-untyped-call]
        return Loaded(
            model, create_transform(**{**config, "crop_mode": "squash"}, is_training=False)
        )

    def values(self, drawn: Drawn) -> list[float]:
        """See `Metric.values`."""
        import torch
        from torch.nn.functional import cosine_similarity

        assert drawn.pictures is not None
        assert drawn.baseline_pictures is not None
        loaded, device = self.in_memory, drawn.pictures.device
        both = torch.cat([drawn.pictures, drawn.baseline_pictures])
        prepared = torch.stack([loaded.prepare(picture) for picture in as_seen(both)])
        with torch.inference_mode():
            features = loaded.model(prepared.to(device))
        own, before = features.float().chunk(2)
        return [float(value) for value in cosine_similarity(own, before).clamp(-1, 1)]
