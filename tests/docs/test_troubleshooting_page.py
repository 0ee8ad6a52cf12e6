"""docs/troubleshooting.md: the messages that it quotes are those that the code writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"
ROOMS = ("accel_space", "accelfront", "generator", "objectives", "storage", "studies")

QUOTES = re.findall(r'^\| [^|]*"([^"|]+)"', PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def _texts(tree: ast.AST) -> Iterator[str]:
    """The string literals of a module, with a gap for each value within one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "" for part in node.values)
            yield "\0".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def _written() -> tuple[str, ...]:
    files = (file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
    return tuple(
        text for file in files for text in _texts(ast.parse(file.read_text(encoding="utf-8")))
    )


@pytest.mark.parametrize("quote", QUOTES)
def test_a_quoted_message_is_written_by_the_code(quote: str) -> None:
    words = r".*".join(map(re.escape, re.split(r"\.\.\.", quote)))
    pattern = re.compile(words.replace(r"\ ", r"[ \0]+"), re.DOTALL)
    assert any(map(pattern.search, _written()))


def test_the_page_quotes_messages() -> None:
    assert len(QUOTES) >= 6
