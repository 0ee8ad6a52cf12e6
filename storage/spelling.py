"""What a person may have meant by an unknown name."""

from __future__ import annotations

import re
from collections.abc import Iterable

LETTERS_A_SLIP = 5
"""A name may hold one typing error per so many letters. More errors make another word, and in a
short name a single one does."""


def likely(given: str, known: Iterable[str]) -> str | None:
    """Find the known name that a given one misspells or abbreviates.

    Names that only resemble it do not count: TeaCache is not DeepCache, and SD3.5 not SD1.5. Case,
    spaces, dots, `-` and `_` do not matter.

    Args:
        given: What was given.
        known: The names that there are.

    Returns:
        The nearest one; if several begin with it, the shortest. None if there is none.
    """
    word = _folded(given)
    most = len(word) // LETTERS_A_SLIP
    names = {name: _folded(name) for name in known}
    slips = {
        name: _distance(word, other)
        for name, other in names.items()
        if abs(len(word) - len(other)) <= most and _digits(other) in ("", _digits(word))
    }
    nearest = min(slips, key=lambda name: slips[name], default=None)
    if nearest is not None and slips[nearest] <= most:
        return nearest
    begun = [name for name, other in names.items() if len(word) > 2 and other.startswith(word)]
    return min(begun, key=len, default=None)


def suggested(near: str | None, names: str) -> str:
    """Word the end of an error about an unknown name.

    Args:
        near: The name that was meant, from `likely`.
        names: The known names, in words; they come after it.
    """
    return f"did you mean {near}? {names[:1].upper()}{names[1:]}" if near else names


def _folded(name: str) -> str:
    return re.sub(r"[\s_.-]+", "", name.lower())


def _digits(name: str) -> str:
    return re.sub(r"[^0-9]", "", name)


def _distance(one: str, other: str) -> int:
    """Letters to insert, drop, change, or swap with their neighbour (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        current = [row]
        for column, counterpart in enumerate(other, start=1):
            cost = min(
                last[column] + 1,
                current[column - 1] + 1,
                last[column - 1] + (letter != counterpart),
            )
            swapped = row > 1 < column and (letter, counterpart) == (
                other[column - 2],
                one[row - 2],
            )
            current.append(min(cost, before[column - 2] + 1) if swapped else cost)
        before, last = last, current
    return last[-1]
