"""Prompts: reading them from a file, and drawing a sample of them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from objectives.errors import InputError
from objectives.files import read_text
from storage.foreign import ForeignTextError, read_json

COLUMNS = ("prompt", "caption", "text")
"""Names of the column that holds the prompts; the first one found wins, and case is ignored."""


SHOWN = 40
"""Characters shown of a prompt that serves as an example."""


def prompts_fingerprint(prompts: Sequence[str]) -> str:
    """Compute eight hex digits that change with any prompt or their order."""
    # As JSON, since a prompt of a table may hold line ends.
    return hashlib.sha256(json.dumps(list(prompts)).encode()).hexdigest()[:8]


def read_prompts(path: Path) -> list[str]:
    """Read the prompts of a file in order, without blank ones.

    Args:
        path: A `.txt` file with one prompt per line, or a `.tsv`, `.csv` or `.jsonl` file with a
            column named as in `COLUMNS`.

    Returns:
        At least one prompt.

    Raises:
        InputError: If the file is missing, unreadable, of another kind, or holds no prompt.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        kinds = ", ".join(_READERS)
        raise InputError(f"prompts come from a {kinds} file, and {path} is none; rename it")
    try:
        text = read_text(path)
    except OSError as error:
        raise InputError(
            f"cannot read the prompts {path}: {error.strerror}; name a file with one prompt on "
            "each line"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; give a file of prompts") from error
    if "\0" in text:
        raise InputError(f"{path} is binary; give a file of prompts")
    prompts = [prompt.strip() for prompt in reader(text, path)]
    prompts = [prompt for prompt in prompts if prompt]
    if not prompts:
        raise InputError(f"{path} holds no prompt; put one on each line")
    return prompts


def draw_prompts(prompts: Sequence[str], seed: int | None) -> list[str]:
    """Put prompts into the order in which a protocol takes them, each once.

    Otherwise a file sorted by topic would show a search one world and the confirmation another. A
    prompt's position depends only on the seed and on its text: not on the file's order, nor on any
    library's generator.

    Args:
        prompts: The prompts of a file.
        seed: Another seed draws others. None keeps the file's order with its repeats, as in studies
            from before prompts were drawn.
    """
    if seed is None:
        return list(prompts)
    return sorted(set(prompts), key=lambda prompt: _draw(prompt, seed))


def _draw(prompt: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {prompt}".encode()).digest()


def repeats_note(name: str, prompts: Sequence[str]) -> str | None:
    """A note on prompts that a file holds more than once; None if there are none."""
    repeated = [prompt for prompt, count in Counter(prompts).items() if count > 1]
    if not repeated:
        return None
    extra = len(prompts) - len(set(prompts))
    return (
        f"{name} repeats prompts, such as {shortened(repeated[0])!r}: {extra} of {len(prompts)} "
        "left out"
    )


def shortened(prompt: str) -> str:
    """The beginning of a prompt, for a line that names it."""
    return prompt if len(prompt) <= SHOWN else f"{prompt[:SHOWN]}..."


def _lines(text: str, path: Path) -> Iterable[str]:
    # Not splitlines(): a separator such as U+2028 is a character of the prompt.
    return text.split("\n")


def _separated(delimiter: str, quoting: Literal[0, 3]) -> Callable[[str, Path], Iterable[str]]:
    def read(text: str, path: Path) -> Iterable[str]:
        # Strict, as otherwise a quotation mark that is never closed swallows all later prompts.
        lines = io.StringIO(text)
        rows = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
        try:
            header = next(rows, [])
            index = header.index(_column(header, path))
            return [row[index] for row in rows if len(row) > index]
        except csv.Error as error:
            raise InputError(f"{path} is not a table: {error}") from error

    return read


def _json_lines(text: str, path: Path) -> Iterable[str]:
    prompts = []
    for number, line in enumerate(_lines(text, path), start=1):
        if not line.strip():
            continue
        try:
            entry = read_json(line)
        except ForeignTextError as error:
            raise InputError(f"{path}, line {number} {error}") from error
        if not isinstance(entry, dict):
            raise InputError(f'{path}, line {number} must be an object such as {{"prompt": ...}}')
        column = _column(entry, path)
        prompt = entry[column]
        if not isinstance(prompt, str):
            raise InputError(f"{path}, line {number}: {column} must be text")
        prompts.append(prompt)
    return prompts


def _column(names: Iterable[str], path: Path) -> str:
    by_lower_case = {name.strip().lower(): name for name in names}
    for column in COLUMNS:
        if column in by_lower_case:
            return by_lower_case[column]
    found = ", ".join(by_lower_case) or "none"
    raise InputError(f"{path} needs a column {' or '.join(COLUMNS)}; it has: {found}")


_READERS: dict[str, Callable[[str, Path], Iterable[str]]] = {
    ".txt": _lines,
    # A quotation mark in a tab-separated file is part of the prompt.
    ".tsv": _separated("\t", csv.QUOTE_NONE),
    ".csv": _separated(",", csv.QUOTE_MINIMAL),
    ".jsonl": _json_lines,
}
