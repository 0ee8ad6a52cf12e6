"""Settings of a generation in words: those of the command line, and of sweep and task files."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from objectives.errors import InputError
from objectives.settings.generation import AskedLora, GenerationSettings, Setting
from storage.foreign import shown
from storage.records.protocol import Dtype

DTYPES: dict[str, Dtype] = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}
"""The types of weights by the names that people use."""

_OPTION = re.compile(r"([a-z][a-z0-9_]{0,79})=([A-Za-z0-9_.+-]{1,80})")

_SIZE = re.compile(r"([0-9]{1,9})[x\N{MULTIPLICATION SIGN}]([0-9]{1,9})", re.IGNORECASE)


def read_settings(
    guidance: float | None = None,
    size: str | None = None,
    dtype: str | None = None,
    negative_prompt: str | None = None,
    scheduler_options: Sequence[str] | None = None,
    loras: Sequence[str] | None = None,
) -> GenerationSettings:
    """Read the settings of a generation.

    Args:
        guidance: The guidance scale.
        size: `WIDTHxHEIGHT`.
        dtype: fp16, bf16 or fp32, or the name that torch has for it.
        negative_prompt: The negative prompt.
        scheduler_options: Options of the scheduler, each `NAME=VALUE`.
        loras: LoRAs, each `FILE` or `FILE:SCALE`.

    Raises:
        InputError: If one is not what it should be.
    """
    settings = GenerationSettings(
        guidance_scale=guidance,
        size=None if size is None else read_size(size),
        dtype=None if dtype is None else read_dtype(dtype),
        negative_prompt=negative_prompt or "",
        scheduler_options=_read_options(scheduler_options or ()),
        loras=tuple(map(read_lora, loras or ())),
    )
    settings.check()
    return settings


def setting_words(settings: GenerationSettings) -> list[tuple[str, str]]:
    """The options that give these settings, with their values; `read_settings` reads them back."""
    guidance, size, dtype = settings.guidance_scale, settings.size, settings.dtype
    given: dict[str, str | None] = {
        "--guidance": None if guidance is None else number_words(guidance),
        "--size": None if size is None else f"{size[0]}x{size[1]}",
        "--dtype": None if dtype is None else dtype_words(dtype),
        "--negative-prompt": settings.negative_prompt or None,
    }
    options = (f"{name}={value_words(each)}" for name, each in settings.scheduler_options.items())
    return [
        *((name, value) for name, value in given.items() if value is not None),
        *(("--scheduler-option", option) for option in options),
        *(("--lora", lora_words(lora)) for lora in settings.loras),
    ]


def read_size(text: str) -> tuple[int, int]:
    """Read a size such as 1216x832 as (width, height).

    Raises:
        InputError: If it is none.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise InputError(
            f"--size is WIDTHxHEIGHT in pixels, such as 1216x832, and {shown(text)} was given"
        )
    return int(found[1]), int(found[2])


def read_dtype(text: str) -> Dtype:
    """Look up a type of weights by name.

    Raises:
        InputError: If there is none such.
    """
    wanted = text.strip().lower()
    for short, full in DTYPES.items():
        if wanted in (short, full):
            return full
    raise InputError(f"--dtype is {', '.join(DTYPES)}, and {shown(text)} was given")


def read_value(text: str) -> Setting:
    """Read a value from text: true or false, a number, or otherwise the text itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    with suppress(ValueError):
        return int(text)
    with suppress(ValueError):
        return value if math.isfinite(value := float(text)) else text
    return text


def value_words(value: Setting) -> str:
    """Write a value as `read_value` reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_lora(text: str) -> AskedLora:
    """Read a LoRA and its scale, such as style.safetensors:0.8; without a scale it is 1."""
    path, colon, scale = text.rpartition(":")
    with suppress(ValueError):
        if colon:
            return AskedLora(Path(path), float(scale))
    return AskedLora(Path(text))


def lora_words(lora: AskedLora) -> str:
    """Write a LoRA as `read_lora` reads it."""
    needs_scale = lora.scale != 1 or ":" in str(lora.path)
    return f"{lora.path}:{number_words(lora.scale)}" if needs_scale else str(lora.path)


def _read_options(options: Sequence[str]) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for option in options:
        match = _OPTION.fullmatch(option.strip())
        if match is None:
            raise InputError(
                "--scheduler-option is NAME=VALUE, such as use_karras_sigmas=true, and "
                f"{shown(option)} was given"
            )
        if match[1] in found:
            raise InputError(f"--scheduler-option {match[1]} is given twice; keep one")
        found[match[1]] = read_value(match[2])
    return found


def dtype_words(dtype: Dtype) -> str:
    """The short name of a type of weights."""
    return next(short for short, full in DTYPES.items() if full == dtype)


def number_words(number: float) -> str:
    """A number with all its digits, and no more characters than needed."""
    return repr(number).removesuffix(".0")
