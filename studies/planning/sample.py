"""The prompts that a study draws from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from objectives.errors import InputError
from objectives.prompts import draw_prompts, read_prompts, repeats_note


@dataclass(frozen=True)
class Sample:
    """Prompts drawn from a file.

    Attributes:
        prompts: The prompts of the search.
        unseen: The prompts of the confirmation, which the search never sees.
        notes: Notes on the file for the person, one line each.
    """

    prompts: list[str]
    unseen: list[str]
    notes: tuple[str, ...]


def draw_sample(path: Path, wanted: int | None, usual: int, seed: int, confirm: bool) -> Sample:
    """Draw the prompts of a search from a file, and as many more for its confirmation.

    Args:
        path: The file.
        wanted: The number of prompts; None is the usual number, or all of a short file.
        usual: The number of prompts of the pipeline's protocol.
        seed: The seed of the draw.
        confirm: Whether to draw prompts for a confirmation.

    Raises:
        InputError: If the file cannot be read, or is too short.
    """
    content = read_prompts(path)
    drawn = draw_prompts(content, seed)
    note = repeats_note(path.name, content)
    count = wanted or min(usual, len(drawn))
    if count > len(drawn):
        unlike = "" if note is None else "different "
        raise InputError(
            f"{path} has {len(drawn)} {unlike}prompts, and --num-samples asks for {count}; ask for "
            "fewer or give a longer file"
        )
    unseen = drawn[count : 2 * count] if confirm else []
    return Sample(drawn[:count], unseen, () if note is None else (note,))
