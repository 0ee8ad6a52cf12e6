"""Which picture people would prefer, according to the Human Preference Score."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from objectives.model_files.hub import cached_file
from objectives.quality.images import as_seen
from objectives.quality.metric import Drawn
from objectives.quality.model_metric import Loaded
from objectives.quality.preference import PreferenceMetric
from objectives.quality.scorer import empty_model
from objectives.quality.scorer_checks import CONFIG, scorer_weights

ARCHITECTURE = "ViT-H-14"


class HpsV2(PreferenceMetric):
    """The HPS v2 of each picture for its prompt: nearly 100 times a CLIP cosine.

    X. Wu et al., Human preference score v2: a solid benchmark for evaluating human preferences of
    text-to-image synthesis, arXiv:2306.09341 (2023); CLIP-H, trained on 800,000 choices of people,
    whose probabilities are the softmax of its scores. A picture is shown whole, with black bars if
    it is not square, as its authors do.
    """

    name = "hpsv2"
    title = "HPS v2"
    loads = "the checkpoint of HPS v2.1 or v2 (xswu/HPSv2, HPS_v2.1_compressed.pt, 2 GB)"
    fetched_by = "hf download xswu/HPSv2 HPS_v2.1_compressed.pt"

    def cached(self) -> Path | None:
        """See `ModelMetric.cached`."""
        return cached_file("xswu/HPSv2", "HPS_v2.1_compressed.pt")

    def files(self, path: Path) -> Mapping[str, Path]:
        """A checkpoint of ViT-H-14, or a folder of open_clip with another architecture."""
        if not path.is_dir():
            return super().files(path)
        if not (path / CONFIG).is_file():
            raise self.refusal(path, f"it holds no {CONFIG}")
        return {CONFIG: path / CONFIG, "weights": scorer_weights(path)}

    def load(self, path: Path) -> Loaded:
        """See `ModelMetric.load`."""
        import open_clip
        import torch
        from open_clip.transform import PreprocessCfg, image_transform_v2

        files = self.files(path)
        architecture = f"local-dir:{path}" if CONFIG in files else ARCHITECTURE
        model = empty_model(architecture, torch.get_default_device())
        self.fill(model, files.get("weights", path))
        config = PreprocessCfg(**model.visual.preprocess_cfg | {"resize_mode": "longest"})
        return Loaded(
            model,
            image_transform_v2(config, is_train=False),
            open_clip.get_tokenizer(architecture),
        )

    def values(self, drawn: Drawn) -> list[float]:
        """See `Metric.values`."""
        import torch

        assert drawn.pictures is not None
        loaded, device = self.in_memory, drawn.pictures.device
        pictures = torch.stack([loaded.prepare(each) for each in as_seen(drawn.pictures)])
        tokens = loaded.tokenize(list(drawn.prompts))
        with torch.inference_mode():
            of_pictures = loaded.model.encode_image(pictures.to(device), normalize=True)
            of_prompts = loaded.model.encode_text(tokens.to(device), normalize=True)
            scores = loaded.model.logit_scale.exp() * (of_pictures * of_prompts).sum(dim=1)
        return [float(score) for score in scores]
