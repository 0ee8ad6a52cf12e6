"""Texts of others as Python that means them and nothing else."""

from __future__ import annotations

import re

WIDTH = 88
"""Longest line of a script: what ruff and black take unless told otherwise."""


def literal(text: str) -> str:
    """Write a text as Python source that means it and nothing else."""
    # In ASCII, so that what looks like one character is one.
    written = ascii(text)
    return f'"{written[1:-1]}"' if written[0] == "'" and '"' not in written else written


def literals(text: str, indent: int = 4) -> list[str]:
    """Write a text as literals that mean it together, each short enough for an indented line."""
    pieces = [""]
    for character in text:
        if indent + len(literal(pieces[-1] + character)) > WIDTH:
            pieces.append("")
        pieces[-1] += character
    return [literal(piece) for piece in pieces]


def plain(text: str) -> str:
    """Keep of a text what can end neither a docstring nor a line of one."""
    return re.sub(r"[^\w .,:;@()+/%=-]", "?", text, flags=re.ASCII)
