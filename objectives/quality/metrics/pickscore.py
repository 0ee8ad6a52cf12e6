"""Which picture people would prefer, according to PickScore."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from objectives.errors import LoadError
from objectives.files import read_text
from objectives.model_files.hub import cached_file
from objectives.quality.images import as_seen
from objectives.quality.metric import Drawn
from objectives.quality.model_metric import Loaded
from objectives.quality.preference import PreferenceMetric

CONFIG = "config.json"

FILES = ("model.safetensors", "pytorch_model.bin")
"""The weight files of a folder, the preferred one first."""

CLIP_H: Mapping[str, Any] = {
    "projection_dim": 1024,
    "text_config": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
    },
    "vision_config": {
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "patch_size": 14,
        "hidden_act": "gelu",
    },
}
"""The architecture of yuvalkirstain/PickScore_v1, which is that of laion/CLIP-ViT-H-14."""

PLAIN = (
    *("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("hidden_act", "layer_norm_eps", "image_size", "patch_size", "vocab_size"),
    *("max_position_embeddings", "eos_token_id"),
)
"""The keys that are read of a config.json. Some others name code or places on the network."""


class PickScore(PreferenceMetric):
    """PickScore's score of each picture for its prompt: nearly 100 times a CLIP cosine.

    Y. Kirstain et al., Pick-a-Pic: an open dataset of user preferences for text-to-image
    generation, NeurIPS (2023); CLIP-H, trained on half a million choices of people. The softmax of
    two scores is the chance that a picture is preferred (its equation 1). A picture is cropped to
    its middle square, as its authors do.
    """

    name = "pickscore"
    title = "PickScore"
    loads = "the weights of PickScore (yuvalkirstain/PickScore_v1, 3.9 GB)"
    fetched_by = "hf download yuvalkirstain/PickScore_v1 model.safetensors"

    def cached(self) -> Path | None:
        """See `ModelMetric.cached`."""
        return cached_file("yuvalkirstain/PickScore_v1", "model.safetensors")

    def files(self, path: Path) -> Mapping[str, Path]:
        """A file of CLIP-H, or a folder's weights and config.json."""
        if not path.is_dir():
            return super().files(path)
        found = [path / name for name in FILES if (path / name).is_file()]
        if not found or not (path / CONFIG).is_file():
            raise self.refusal(path, f"it holds no {CONFIG} beside {' or '.join(FILES)}")
        return {CONFIG: path / CONFIG, "weights": found[0]}

    def load(self, path: Path) -> Loaded:
        """See `ModelMetric.load`."""
        import open_clip
        from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

        files = self.files(path)
        config: Any = CLIPConfig(
            **(self._architecture(files[CONFIG]) if CONFIG in files else CLIP_H)
        )
        model = CLIPModel(config)
        self.fill(model, files.get("weights", path))
        side = config.vision_config.image_size
        prepare = CLIPImageProcessor(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}
        )
        # The vocabulary of all CLIPs, which open_clip brings.
        tokenize = open_clip.SimpleTokenizer(
            context_length=config.text_config.max_position_embeddings
        )
        return Loaded(model, prepare, tokenize)

    def values(self, drawn: Drawn) -> list[float]:
        """See `Metric.values`."""
        import torch

        assert drawn.pictures is not None
        loaded, device = self.in_memory, drawn.pictures.device
        pictures = loaded.prepare(as_seen(drawn.pictures), return_tensors="pt")["pixel_values"]
        tokens = loaded.tokenize(list(drawn.prompts))
        with torch.inference_mode():
            found = loaded.model(input_ids=tokens.to(device), pixel_values=pictures.to(device))
        return [float(score) for score in found.logits_per_image.diagonal()]

    def _architecture(self, file: Path) -> dict[str, Any]:
        """The plain values of a config.json."""
        try:
            content = json.loads(read_text(file))
            return {
                "projection_dim": content["projection_dim"],
                **{
                    part: {name: content[part][name] for name in PLAIN if name in content[part]}
                    for part in ("text_config", "vision_config")
                },
            }
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            reason, remedy = "it is no config of a CLIP", f"give {self.loads}"
            raise LoadError(f"the model of {self.title}", file, reason, remedy) from error
