"""CLIP scores, through open_clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from objectives.protocol import folder_fingerprint

if TYPE_CHECKING:
    import torch

Embeddings = NDArray[np.float32]
"""Shape (pictures, width), each row of length 1."""


class Scorer:
    """An open_clip model that tells how well pictures fit their prompts."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        """Load the model.

        Args:
            folder: Holds open_clip_config.json, the weights and the tokenizer.
            device: Where it computes; in fp32 everywhere: scoring is never the cost.
        """
        import open_clip
        import torch

        name = f"local-dir:{folder}"
        # open_clip draws random weights before it loads the real ones.
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            self._model, self._preprocess = open_clip.create_model_from_pretrained(
                name, device=device
            )
        self._model.eval()
        self._tokenize: Any = open_clip.get_tokenizer(name)
        self._device = device

    def embed_images(self, images: torch.Tensor) -> Embeddings:
        """Embed pictures as a person would see them: in 8 bits, through CLIP's own preprocessing.

        Args:
            images: Shape (batch, 3, height, width), values 0 to 1.
        """
        import torch
        from torchvision.transforms.functional import to_pil_image

        pictures = (images.float().clamp(0, 1) * 255).round().to("cpu", torch.uint8)
        batch = torch.stack([self._preprocess(to_pil_image(picture)) for picture in pictures])
        with torch.inference_mode():
            features = self._model.encode_image(batch.to(self._device))
        return _normalized(features)

    def embed_prompts(self, prompts: Sequence[str]) -> Embeddings:
        """Embed prompts; what exceeds the text encoder's length is cut off, as CLIP does."""
        import torch

        with torch.inference_mode():
            features = self._model.encode_text(self._tokenize(list(prompts)).to(self._device))
        return _normalized(features)


def clip_scores(images: Embeddings, prompts: Embeddings) -> list[float]:
    """The cosine of each picture with its own prompt, -1 to 1."""
    return [float(score) for score in (images * prompts).sum(axis=1)]


def scorer_name(folder: Path) -> str:
    """The identity of a scorer for the protocol: its folder's name and fingerprint."""
    return f"{folder.parent.name}/{folder.name}@{folder_fingerprint(folder)}"


def _normalized(features: torch.Tensor) -> Embeddings:
    features = features.float()
    unit: Embeddings = (features / features.norm(dim=-1, keepdim=True)).cpu().numpy()
    return unit
