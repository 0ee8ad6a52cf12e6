"""CLIP scores, through open_clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from objectives.embedded import SCORER_DIR
from objectives.errors import InputError
from objectives.hub import require_reachable
from objectives.protocol import file_fingerprint, folder_fingerprint

if TYPE_CHECKING:
    import torch

Embeddings = NDArray[np.float32]
"""Shape (pictures, width), each row of length 1."""


@dataclass(frozen=True)
class ScorerSource:
    """An open_clip model that can be loaded.

    Attributes:
        name: Its identity for the protocol; of files with their fingerprint.
        architecture: What open_clip calls the architecture, or `local-dir:FOLDER`.
        pretrained: A tag of open_clip's or a checkpoint file; None if the folder holds the weights.
    """

    name: str
    architecture: str
    pretrained: str | None = None


def find_scorer(given: str) -> ScorerSource:
    """Find a scorer; nothing is loaded or fetched.

    Args:
        given: `tiny-shapes`, a folder with open_clip_config.json, `ARCHITECTURE:TAG` such as
            `ViT-L-14:openai`, or `ARCHITECTURE:FILE` with a local safetensors checkpoint.

    Raises:
        InputError: If it is none of these, or can neither be fetched nor found in the cache.
    """
    folder = SCORER_DIR if given == "tiny-shapes" else Path(given)
    if (folder / "open_clip_config.json").is_file():
        name = f"{folder.parent.name}/{folder.name}@{folder_fingerprint(folder)}"
        return ScorerSource(name, f"local-dir:{folder}")
    architecture, colon, pretrained = given.partition(":")
    if not colon or not pretrained:
        raise InputError(
            f"unknown scorer {given!r}; give ARCHITECTURE:TAG as in ViT-L-14:openai, "
            "ARCHITECTURE:checkpoint.safetensors, tiny-shapes, or a folder with "
            "open_clip_config.json"
        )
    import open_clip

    _check_known(architecture, open_clip.list_models(), "architecture")
    if Path(pretrained).suffix == ".safetensors":
        if not Path(pretrained).is_file():
            raise InputError(f"there is no checkpoint {pretrained} for the scorer {architecture}")
        name = f"{architecture}:{Path(pretrained).name}@{file_fingerprint(Path(pretrained))}"
        return ScorerSource(name, architecture, pretrained)
    _check_known(pretrained, open_clip.list_pretrained_tags_by_model(architecture), "tag")
    _check_within_reach(architecture, pretrained)
    return ScorerSource(given, architecture, pretrained)


def _check_within_reach(architecture: str, tag: str) -> None:
    """Say in one line what open_clip would take a minute of attempts to say."""
    import open_clip

    config = open_clip.get_pretrained_cfg(architecture, tag)
    if address := config.get("hf_hub", "").strip("/"):
        try:
            require_reachable(address, "open_clip_model.safetensors")
        except InputError as error:
            raise InputError(
                f"the scorer {architecture}:{tag} cannot be loaded: {error}; give another "
                "--scorer, such as ARCHITECTURE:checkpoint.safetensors or tiny-shapes"
            ) from error


def _check_known(given: str, known: list[str], what: str) -> None:
    if given in known:
        return
    near = get_close_matches(given, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"open_clip has {', '.join(known[:5]) or 'none'}"
    raise InputError(f"unknown {what} {given!r} of the scorer; {hint}")


class Scorer:
    """An open_clip model that tells how well pictures fit their prompts."""

    def __init__(self, source: ScorerSource, device: torch.device) -> None:
        """Load the model.

        Args:
            source: What `find_scorer` found.
            device: Where it computes; in fp32 everywhere: scoring is never the cost.
        """
        import open_clip
        import torch

        # open_clip draws random weights before it loads the real ones.
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            self._model, self._preprocess = open_clip.create_model_from_pretrained(
                source.architecture, source.pretrained, device=device
            )
        self._model.eval()
        self._tokenize: Any = open_clip.get_tokenizer(source.architecture)
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


def _normalized(features: torch.Tensor) -> Embeddings:
    features = features.float()
    unit: Embeddings = (features / features.norm(dim=-1, keepdim=True)).cpu().numpy()
    return unit
