"""The fingerprint of a pipeline in memory: what distinguishes it by content alone."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from objectives.model_files.fingerprint import DIGITS

MOST_THREADS = 8
"""SHA-256 uses one core each, and memory is only fast enough for a few of them."""

OF_FILES = {"architectures", "dtype", "torch_dtype", "transformers_version"}
"""Keys of a configuration about the file that it was read from, or about its weights."""

OF_TOKENIZERS = ("padding_side", "truncation_side", "split_special_tokens", "model_max_length")
"""What a tokenizer is given in addition to its vocabulary and its special tokens."""

OF_ADAPTERS = ("scaling", "active_adapters", "merged_adapters", "disable_adapters")
"""What peft's layers hold about their LoRAs in addition to weights."""

LEFT_BY_FUSING = "lora_scale"
"""A model's record of the last LoRA that was fused into it; nothing reads it any more."""


def pipe_fingerprint(pipe: Any) -> str:
    """Compute hex digits that change with any weight, configuration or module switch of a pipe.

    The scheduler counts as the pipe has it. The origin of the weights and the device do not count:
    the same pipe in another process has the same fingerprint.

    Args:
        pipe: A diffusers pipeline.
    """
    contents: list[Any] = [type(pipe).__name__, _plain(pipe.config)]
    tensors: list[tuple[list[Any], Any]] = []
    for name, part in sorted(pipe.components.items()):
        contents.append([name, type(part).__name__, _configuration(part)])
        if hasattr(part, "state_dict"):
            contents.append(list(_switches(part)))
            for key, tensor in sorted(part.state_dict().items()):
                entry = [key, str(tensor.dtype), list(tensor.shape)]
                contents.append(entry)
                tensors.append((entry, tensor))
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        for (entry, _), digest in zip(
            tensors, pool.map(_digest, (tensor for _, tensor in tensors)), strict=True
        ):
            entry.append(digest)
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()[:DIGITS]


def _digest(tensor: Any) -> str:
    import torch

    data = tensor.detach().contiguous().cpu().reshape(-1).view(torch.uint8)
    return hashlib.sha256(data.numpy()).hexdigest()


def _configuration(part: Any) -> Any:
    """What identifies a part in addition to its weights: its configuration, or its vocabulary."""
    if hasattr(part, "get_vocab"):
        words = json.dumps(sorted(part.get_vocab().items()))
        told = [getattr(part, name, None) for name in OF_TOKENIZERS]
        special = json.dumps(part.special_tokens_map, default=str, sort_keys=True)
        # Some tokenizers add these by themselves, and some do not know them.
        ends = [bool(getattr(part, f"add_{end}_token", None)) for end in ("bos", "eos")]
        # How a prompt is presented to a chat model.
        template = [part.chat_template] if getattr(part, "chat_template", None) else []
        return [told, special, ends, hashlib.sha256(words.encode()).hexdigest(), *template]
    config: Any = getattr(part, "config", None) or {}
    return _plain(config.to_dict() if hasattr(config, "to_dict") else config)


def _plain(config: Any) -> dict[str, str]:
    """A configuration without private keys and file names; parts of a pipe count elsewhere."""
    return {
        name: json.dumps(value, default=str, sort_keys=True)
        for name, value in sorted(_public(config).items())
    }


def _public(config: Any) -> Any:
    """A configuration without private keys and file names, also in nested configurations."""
    if not isinstance(config, Mapping):
        return config
    return {
        name: _public(value)
        for name, value in config.items()
        # Some hold numbers as names.
        if not str(name).startswith("_") and name not in OF_FILES
    }


def _switches(part: Any) -> Iterator[list[Any]]:
    """The settings of each module in addition to its weights: tiling, FreeU, LoRA scales and so on.

    Texts are left out, as they name files.
    """
    for name, module in part.named_modules():
        told = {
            key: value
            for key, value in vars(module).items()
            if isinstance(value, bool | int | float) and not key.startswith("_")
        }
        told.pop(LEFT_BY_FUSING, None)
        has_adapters = isinstance(getattr(module, "scaling", None), dict)
        adapters = [getattr(module, each) for each in OF_ADAPTERS if has_adapters]
        yield [name, type(getattr(module, "processor", None)).__name__, told, adapters]
