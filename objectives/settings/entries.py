"""Settings of a generation as keys with values, as in sweep and task files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from objectives.errors import InputError
from objectives.settings.generation import AskedLora, GenerationSettings
from objectives.settings.words import lora_words, read_lora, read_settings, value_words
from storage.foreign import shown


class SettingEntries(BaseModel):
    """The part of a file that holds settings, each of `KEYS`; `read_entries` says what they are."""

    guidance: Any = None
    size: Any = None
    dtype: Any = None
    negative_prompt: Any = None
    scheduler_options: Any = None
    loras: Any = None

    def settings(self, folder: Path) -> GenerationSettings:
        """The settings; see `read_entries`."""
        return read_entries({key: getattr(self, key) for key in KEYS}, folder)


KEYS = tuple(SettingEntries.model_fields)


def read_entries(entries: Mapping[str, Any], folder: Path | None = None) -> GenerationSettings:
    """Read settings from the keys and values of a file.

    Args:
        entries: Values by some of `KEYS`; None sets nothing.
        folder: Where relative paths start; None means the working folder.

    Raises:
        InputError: If a value is not what it should be; the text begins with its key.
    """
    read = GenerationSettings()
    for key, value in entries.items():
        if value is None:
            continue
        try:
            read = _READERS[key](value).over(read)
        except InputError as error:
            raise InputError(f"{key}: {error}") from error
    read.check()
    if folder is None:
        return read
    loras = tuple(AskedLora(folder / lora.path, lora.scale) for lora in read.loras)
    return GenerationSettings(loras=loras).over(read)


def written_entries(settings: GenerationSettings) -> dict[str, Any]:
    """The keys and values that `read_entries` reads as settings."""
    size = settings.size
    written: dict[str, Any] = {
        "guidance": settings.guidance_scale,
        "size": None if size is None else f"{size[0]}x{size[1]}",
        "dtype": settings.dtype,
        "negative_prompt": settings.negative_prompt or None,
        "scheduler_options": dict(settings.scheduler_options) or None,
        "loras": [lora_words(lora) for lora in settings.loras] or None,
    }
    return {key: value for key, value in written.items() if value is not None}


def _guidance(value: Any) -> GenerationSettings:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"it must be a number, and {shown(value)} was given")
    return read_settings(guidance=float(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"it must be text, and {shown(value)} was given")
    return value


def _options(value: Any) -> GenerationSettings:
    simple = isinstance(value, Mapping) and all(
        isinstance(each, bool | int | float | str) for each in value.values()
    )
    if not simple:
        raise InputError("it must be names with values, such as use_karras_sigmas: true")
    words = [f"{name}={value_words(each)}" for name, each in value.items()]
    return read_settings(scheduler_options=words)


def _loras(value: Any) -> GenerationSettings:
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in listed):
        raise InputError("it must be a list of files, such as style.safetensors:0.8")
    return GenerationSettings(loras=tuple(map(read_lora, listed)))


_READERS: dict[str, Callable[[Any], GenerationSettings]] = {
    "guidance": _guidance,
    "size": lambda value: read_settings(size=_text(value)),
    "dtype": lambda value: read_settings(dtype=_text(value)),
    "negative_prompt": lambda value: read_settings(negative_prompt=_text(value)),
    "scheduler_options": _options,
    "loras": _loras,
}
