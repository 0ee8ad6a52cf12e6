"""Which picture people would prefer, according to ImageReward."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from objectives.errors import InputError, LoadError
from objectives.model_files.hub import cached_file
from objectives.quality.images import as_seen
from objectives.quality.metric import Drawn
from objectives.quality.model_metric import Loaded
from objectives.quality.preference import PreferenceMetric

CONFIG, WEIGHTS = "med_config.json", "ImageReward.pt"


class ImageReward(PreferenceMetric):
    """The reward of each picture for its prompt, in standard deviations of its training's rewards.

    J. Xu et al., ImageReward: learning and evaluating human preferences for text-to-image
    generation, NeurIPS (2023); trained on the logistic function of the difference of two rewards
    (its equation 1). Its own package makes the model, wherever that can be imported.
    """

    name = "image_reward"
    title = "ImageReward"
    # The deviation by which its package divides (image-reward 1.5).
    logits = 1.0333394966054072
    loads = f"a folder with {WEIGHTS} and {CONFIG} (THUDM/ImageReward, 1.8 GB)"
    fetched_by = f"hf download THUDM/ImageReward {WEIGHTS} {CONFIG}"

    def place(self, given: Path | None) -> Path:
        """See `Metric.place`."""
        self._architecture()
        return super().place(given)

    def cached(self) -> Path | None:
        """See `ModelMetric.cached`."""
        both = [cached_file("THUDM/ImageReward", name) for name in (CONFIG, WEIGHTS)]
        return None if None in both or both[0] is None else both[0].parent

    def files(self, path: Path) -> Mapping[str, Path]:
        """See `ModelMetric.files`."""
        found = {name: path / name for name in (CONFIG, WEIGHTS)}
        for name, file in found.items():
            if not file.is_file():
                raise self.refusal(path, f"it holds no {name}")
        return found

    def load(self, path: Path) -> Loaded:
        """See `ModelMetric.load`."""
        import torch

        try:
            model = self._architecture()(str(path / CONFIG), device=torch.get_default_device())
        except (OSError, AttributeError, TypeError, ValueError) as error:
            # Its package was made for transformers 4, and gets its vocabulary from the hub's cache.
            remedy = "take another metric, such as pickscore"
            raise LoadError(f"the model of {self.title}", path, error, remedy) from error
        self.fill(model, path / WEIGHTS)
        return Loaded(model)

    def values(self, drawn: Drawn) -> list[float]:
        """See `Metric.values`."""
        import torch

        assert drawn.pictures is not None
        pictures = as_seen(drawn.pictures)
        with torch.inference_mode():
            return [
                float(self.in_memory.model.score(prompt, picture))
                for prompt, picture in zip(drawn.prompts, pictures, strict=True)
            ]

    def _architecture(self) -> Any:
        """The class of its model."""
        try:
            from ImageReward.ImageReward import ImageReward as Architecture
        except (ImportError, AttributeError, RuntimeError) as error:
            # It was made for transformers 4, of which later versions lack some names.
            raise InputError(
                f"{self.name} needs the package image-reward, which cannot be imported "
                f"({error}); install what it lacks, or take another metric, such as pickscore"
            ) from error
        return Architecture
