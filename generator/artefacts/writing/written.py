"""Foreign text as Python source that means exactly that text."""

from __future__ import annotations

import re

WIDTH = 88
"""Longest line of a script: the default of black, and of ruff."""


def literal(text: str) -> str:
    """Write a text as Python source that means exactly that text."""
    # In ASCII, so that characters that look the same can be told apart.
    written = ascii(text)
    return f'"{written[1:-1]}"' if written[0] == "'" and '"' not in written else written


def literals(text: str, indent: int = 4) -> list[str]:
    """Write a text as adjacent literals, each short enough for an indented line."""
    pieces = [""]
    for character in text:
        if indent + len(literal(pieces[-1] + character)) > WIDTH:
            pieces.append("")
        pieces[-1] += character
    return [literal(piece) for piece in pieces]


def plain(text: str) -> str:
    """Keep the part of a text that can end neither a docstring nor a line of one."""
    return re.sub(r"[^\w .,:;@()+/%=-]", "?", text, flags=re.ASCII)
