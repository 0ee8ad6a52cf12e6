"""CLIP scores, through open_clip."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from objectives.embedded import SCORER_DIR
from objectives.errors import InputError, LoadError, reason_of
from objectives.model_files.fingerprint import file_fingerprint, fingerprint
from objectives.model_files.hub import require_reachable
from objectives.model_files.layout import tokenizer_files
from objectives.prompt_length import cut_off_by_scorer
from objectives.quality.images import as_seen
from objectives.quality.metric import Embeddings
from objectives.quality.scorer_checks import CONFIG, PART, REMEDY, check_checkpoint, scorer_weights
from storage.foreign import shown
from storage.spelling import likely

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ScorerSource:
    """An open_clip model that can be loaded.

    Attributes:
        name: Its identity for the protocol; files add their fingerprint.
        architecture: open_clip's name of the architecture, or `local-dir:FOLDER`.
        pretrained: A tag of open_clip, or a checkpoint file.
    """

    name: str
    architecture: str
    pretrained: str | Path


def find_scorer(given: str) -> ScorerSource:
    """Find a scorer; nothing is loaded or fetched.

    Args:
        given: `tiny-shapes`, a folder with open_clip_config.json, `ARCHITECTURE:TAG` such as
            `ViT-L-14:openai`, or `ARCHITECTURE:FILE` with a local safetensors checkpoint.

    Raises:
        InputError: If it is none of these, or can neither be fetched nor found in the cache.
    """
    folder = SCORER_DIR if given == "tiny-shapes" else Path(given)
    if (folder / CONFIG).is_file():
        weights = scorer_weights(folder)
        loaded = (folder / CONFIG, weights, *tokenizer_files(folder))
        digits = fingerprint({path.name: path for path in loaded})
        name = f"{folder.parent.name}/{folder.name}@{digits}"
        return ScorerSource(name, f"local-dir:{folder}", weights)
    architecture, colon, pretrained = given.partition(":")
    if not colon or not pretrained:
        raise InputError(
            f"unknown scorer {shown(given)}; give ARCHITECTURE:TAG as in ViT-L-14:openai, "
            "ARCHITECTURE:checkpoint.safetensors, tiny-shapes, or a folder with "
            "open_clip_config.json"
        )
    import open_clip

    _check_known(architecture, open_clip.list_models(), "architecture")
    file = Path(pretrained)
    if file.suffix == ".safetensors":
        if not file.is_file():
            raise InputError(f"there is no checkpoint {file} for the scorer {architecture}")
        check_checkpoint(file)
        return ScorerSource(
            f"{architecture}:{file.name}@{file_fingerprint(file)}", architecture, file
        )
    if file.is_file():
        raise InputError(f"a checkpoint of a scorer is a .safetensors file, and {file} is none")
    _check_known(pretrained, open_clip.list_pretrained_tags_by_model(architecture), "tag")
    _check_within_reach(architecture, pretrained)
    return ScorerSource(given, architecture, pretrained)


def _check_within_reach(architecture: str, tag: str) -> None:
    """Fail in one line where open_clip would try for a minute first."""
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
    near = likely(given, known)
    hint = f"did you mean {near}?" if near else f"open_clip has {', '.join(known[:5]) or 'none'}"
    raise InputError(f"unknown {what} {shown(given)} of the scorer; {hint}")


def foreign_doubt(source: ScorerSource, pipeline: str, own_scorer: str) -> str:
    """Say that a scorer does not know what a pipeline draws; empty if nothing suggests so.

    Args:
        source: The scorer.
        pipeline: The pipeline's name.
        own_scorer: The scorer that the catalogue gives the pipeline.
    """
    if source.architecture != f"local-dir:{SCORER_DIR}" or own_scorer == "tiny-shapes":
        return ""
    return (
        f"the scorer tiny-shapes knows coloured shapes alone, and not what {pipeline} draws: a "
        "small loss says little; give another --scorer"
    )


class Scorer:
    """An open_clip model that scores how well pictures fit their prompts."""

    def __init__(self, source: ScorerSource, device: torch.device) -> None:
        """Load the model.

        Args:
            source: The result of `find_scorer`.
            device: Where it computes; always in fp32, as scoring never costs much.

        Raises:
            LoadError: If it cannot be loaded.
        """
        import torch

        # open_clip draws random weights before it loads the real ones.
        with (
            torch.random.fork_rng([device] if device.type == "cuda" else []),
            _told(source.pretrained),
        ):
            self._model, self._preprocess = _load(source, device)
            self._tokenize = _tokenizer(source.architecture)
            self._model.eval()
            self._device = device
            # Checked now, as parts that do not fit together only show in use.
            tried = [self.embed_prompts(["a picture"]), self.embed_images(torch.zeros(1, 3, 8, 8))]
            if not np.isfinite(tried).all():
                raise ArithmeticError("its weights make NaN or infinity of a picture or a prompt")

    def embed_images(self, images: torch.Tensor) -> Embeddings:
        """Embed pictures as a person would see them: in 8 bits, through CLIP's own preprocessing.

        Args:
            images: Shape (batch, 3, height, width), values 0 to 1.
        """
        import torch

        batch = torch.stack([self._preprocess(picture) for picture in as_seen(images)])
        with torch.inference_mode():
            features = self._model.encode_image(batch.to(self._device))
        return _normalized(features)

    def cut_off(self, prompts: Sequence[str]) -> list[str]:
        """The prompts whose ends do not count, as they are too long."""
        return cut_off_by_scorer(self._tokenize, prompts)

    def embed_prompts(self, prompts: Sequence[str]) -> Embeddings:
        """Embed prompts; the part beyond the text encoder's length is cut off, as CLIP does."""
        import torch

        with torch.inference_mode():
            features = self._model.encode_text(self._tokenize(list(prompts)).to(self._device))
        return _normalized(features)


class TextEmbeddings:
    """Embeds texts with a scorer, each of them once."""

    def __init__(self, scorer: Scorer) -> None:
        """Begin without any.

        Args:
            scorer: Embeds the texts.
        """
        self._scorer = scorer
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, at least one."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known |= zip(new, self._scorer.embed_prompts(new), strict=True)
        return np.stack([self._known[text] for text in texts])


def _load(source: ScorerSource, device: torch.device) -> tuple[Any, Any]:
    """The model and the function that makes its input from a picture."""
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2

    if isinstance(source.pretrained, str):
        return open_clip.create_model_from_pretrained(  # type: ignore[no-any-return]
            source.architecture, source.pretrained, device=device
        )
    # open_clip's own search of a folder would prefer some pickles to some safetensors.
    model = empty_model(source.architecture, device)
    with _told(source.pretrained, "its tensors are not those of the architecture: "):
        open_clip.load_checkpoint(model, str(source.pretrained))
    preprocess = PreprocessCfg(**model.visual.preprocess_cfg)
    return model, image_transform_v2(preprocess, is_train=False)


def _tokenizer(architecture: str) -> Any:
    import open_clip

    text = (open_clip.get_model_config(architecture) or {}).get("text_cfg", {})
    # Only the tokenizers of transformers know the argument.
    guard = {"trust_remote_code": False} if text.get("hf_tokenizer_name") else {}
    return open_clip.get_tokenizer(architecture, **guard)


@contextmanager
def _told(place: str | Path, why: str = "") -> Iterator[None]:
    """Report in one line any error of open_clip and its libraries, of which there is no end."""
    try:
        yield
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(PART, place, why + reason_of(error), REMEDY) from error


def empty_model(architecture: str, device: torch.device) -> Any:
    """A model of open_clip whose weights are still to be loaded."""
    import open_clip

    # open_clip logs that there are none.
    with _quiet():
        return open_clip.create_model(
            architecture, load_weights=False, pretrained_text=False, device=device
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress all warnings in logs."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def clip_scores(images: Embeddings, prompts: Embeddings) -> list[float]:
    """The cosine of each picture with its own prompt, -1 to 1."""
    return [float(score) for score in (images * prompts).sum(axis=1)]


def _normalized(features: torch.Tensor) -> Embeddings:
    features = features.float()
    unit: Embeddings = (features / features.norm(dim=-1, keepdim=True)).cpu().numpy()
    return unit
