"""LoRAs: finding their files, and fusing them into the weights of a pipeline."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from objectives.errors import InputError, LoadError
from objectives.model_files.fingerprint import file_fingerprint
from objectives.model_files.weights import tensor_shapes
from storage.records.protocol import Lora

LIBRARY = "peft"
"""The library with which diffusers loads LoRAs, as pip names it."""

NEWER_PEFT = (
    "install the version that it asks for, or give a LoRA without layers of the text encoder"
)
"""transformers loads the layers of text encoders, and may ask for a newer peft than diffusers."""

REMEDY = "give the LoRA that was made for this model with --lora FILE"


@dataclass(frozen=True)
class FoundLora:
    """A LoRA that is on this machine.

    Attributes:
        record: Its record in a protocol.
        path: Where it is, as an absolute path.
    """

    record: Lora
    path: Path


def find_lora(path: Path, scale: float) -> FoundLora:
    """Find a LoRA; its tensors are not read.

    Args:
        path: A safetensors file.
        scale: How strongly it is to work.

    Raises:
        InputError: If there is no such file, or it holds no LoRA.
    """
    if path.suffix != ".safetensors":
        raise InputError(
            f"--lora takes a .safetensors file, and {path} is none; no pickle is loaded, so save "
            "the LoRA as safetensors"
        )
    names = tensor_shapes("the LoRA", path)
    if not any("lora" in name for name in names):
        reason = "none of its tensors is named as a LoRA's"
        raise LoadError("the LoRA", path, reason, "give a LoRA in diffusers' or kohya's format")
    name = f"{path.stem}@{file_fingerprint(path)}"
    return FoundLora(Lora(name=name, scale=scale), path.resolve())


def check_takes_loras(
    pipeline_class: str, loras: Sequence[FoundLora], is_given: bool = False
) -> None:
    """Check that LoRAs can be loaded into a class of pipelines.

    Args:
        pipeline_class: Name of the diffusers class.
        loras: The LoRAs.
        is_given: Whether a person has loaded the pipeline, which is measured as it is.

    Raises:
        InputError: If they cannot.
    """
    import diffusers

    if loras and is_given:
        raise InputError(
            "a pipe that is loaded already is measured as it is; load the LoRA into it "
            "(pipe.load_lora_weights, pipe.fuse_lora) instead of naming its file"
        )
    if loras and not hasattr(getattr(diffusers, pipeline_class), "fuse_lora"):
        raise InputError(
            f"diffusers loads no LoRA into a {pipeline_class}; leave --lora out, or give a model "
            "into which it is fused with --model FOLDER"
        )


def fuse(pipe: Any, loras: Sequence[FoundLora]) -> None:
    """Add LoRAs to the weights of a pipeline, one after the other, and leave nothing else behind.

    Methods, compiled code and captured graphs then find plain weights. A script does the same, also
    on the CPU, so that it draws the same pictures bit for bit.

    Args:
        pipe: The pipeline, still on the CPU.
        loras: The LoRAs.

    Raises:
        LoadError: If one does not fit the model.
    """
    for lora in loras:
        try:
            with _quiet():
                pipe.load_lora_weights(lora.path, use_safetensors=True)
                adapters = pipe.get_list_adapters()
                pipe.fuse_lora(lora_scale=lora.record.scale)
                pipe.unload_lora_weights()
        except Exception as error:
            # diffusers and peft raise errors of any kind; one lists every tensor.
            remedy = NEWER_PEFT if "PEFT" in str(error) else REMEDY
            raise LoadError("the LoRA", lora.path, _first_reason(error), remedy) from error
        if not adapters:
            reason = "it names no layer of this model"
            raise LoadError("the LoRA", lora.path, reason, REMEDY)


@contextmanager
def _quiet() -> Iterator[None]:
    """Stop diffusers from printing errors that it also raises, and that a LoRA skips an encoder."""
    logger = logging.getLogger("diffusers")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _first_reason(error: Exception) -> str:
    """The first fault of an error that lists one for every tensor."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    mismatch = next((line for line in lines if line.startswith("size mismatch")), None)
    if mismatch is None:
        return lines[0][:200] if lines else type(error).__name__
    layer = mismatch.removeprefix("size mismatch for ").partition(":")[0]
    return f"its shapes are those of another model, first in {layer}"
