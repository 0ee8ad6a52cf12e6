"""Arguments from Python turned into the words of a request: budgets, and prompts."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from objectives.errors import InputError
from objectives.files import replace_file
from objectives.prompts import prompts_fingerprint
from objectives.settings.generation import Setting
from storage.foreign import is_text, shown
from studies.budgets import NONE, AskedBudgets, read_budgets

Budget = float | str | None
"""A share, or what `--budget` takes; None removes one of the study's."""


def asked_budgets(given: Mapping[str, Budget] | None) -> AskedBudgets:
    """Read budgets, such as `{"clip_loss": 0.02, "ssim": "10%", "memory": "20GiB"}`.

    Raises:
        InputError: If one is invalid.
    """
    return read_budgets(
        f"{name}={NONE if value is None else value}" for name, value in (given or {}).items()
    )


def names_of(given: str | Sequence[str]) -> tuple[str, ...]:
    """Names, given one by one or as one text with commas."""
    names = given.split(",") if isinstance(given, str) else given
    return tuple(name.strip() for name in names if name.strip())


def option_texts(given: Mapping[str, Setting] | None) -> list[str]:
    """Options of a scheduler, each NAME=VALUE."""
    return [
        f"{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in (given or {}).items()
    ]


def prompts_file(given: str | Path | Sequence[str] | None) -> Path | None:
    """Find the file of prompts; prompts themselves are kept in the user's cache.

    A study names its file, and other processes that resume it read the file again.

    Raises:
        InputError: If no prompt is given, one is not text, or the cache cannot be written.
    """
    if given is None or isinstance(given, str | Path):
        return None if given is None else Path(given)
    texts = list(given)
    if not any(text.strip() for text in texts):
        raise InputError("prompts is a file, or a list of texts that is not empty")
    for text in texts:
        if not is_text(text):
            raise InputError(f"prompts holds {shown(text)}, which is half a character; mend it")
    path = _cache() / f"prompts-{prompts_fingerprint(texts)}.jsonl"
    content = "".join(f"{json.dumps({'prompt': each})}\n" for each in texts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot keep the prompts in {path.parent}: {error.strerror}; give them as a file"
        ) from error
    replace_file(path, content)
    return path


def _cache() -> Path:
    """The folder of models' digests; without a home, a folder that the next boot clears."""
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(given) if given else Path.home() / ".cache") / "accelfront" / "prompts"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "accelfront" / "prompts"
