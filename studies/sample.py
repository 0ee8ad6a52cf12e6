"""Which prompts of a file a study uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from objectives.errors import InputError
from objectives.prompts import draw_prompts, read_prompts, repeats_note


@dataclass(frozen=True)
class Sample:
    """Prompts drawn from a file.

    Attributes:
        prompts: The search's.
        unseen: Those that confirm what the search has found.
        notes: What a person should know of the file, a line each.
    """

    prompts: list[str]
    unseen: list[str]
    notes: tuple[str, ...]


def draw_sample(path: Path, wanted: int | None, usual: int, seed: int, confirm: bool) -> Sample:
    """Draw prompts of a file, and as many more as there are to confirm.

    Args:
        path: The file.
        wanted: How many; None is the usual number, or all of a short file.
        usual: How many the pipeline's protocol has.
        seed: Of the draw.
        confirm: Whether any are to confirm.

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
            f"the {unlike}prompts in {path} are {len(drawn)}, and --num-samples asks for {count}; "
            "ask for fewer or give a longer file"
        )
    unseen = drawn[count : 2 * count] if confirm else []
    return Sample(drawn[:count], unseen, () if note is None else (note,))
