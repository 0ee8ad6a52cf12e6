"""Databases with flipped bits, or cut short: one line and no traceback, whatever the command."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from tests.command_line import run
from tests.tiers.covering import taking_turns

GOLDEN = Path(__file__).parents[2] / "golden" / "databases" / "schema-1.sql"

COMMANDS = (
    ("studies",),
    ("front",),
    ("export", "--format", "csv"),
    ("report", "--out", "report.html"),
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "a.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(GOLDEN.read_text())
    connection.close()
    return path.read_bytes()


def damaged(content: bytes, number: int) -> bytes:
    """Every fourth is cut short, of the others some bits are flipped."""
    chance = random.Random(number)
    if number % 4 == 0:
        return content[: chance.randrange(len(content))]
    copy = bytearray(content)
    for _ in range(chance.choice((1, 3, 30))):
        copy[chance.randrange(len(copy))] ^= 1 << chance.randrange(8)
    return bytes(copy)


@pytest.mark.parametrize("number", taking_turns(range(24), of=3))
def test_a_damaged_database_ends_in_a_line(sound: bytes, tmp_path: Path, number: int) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(damaged(sound, number))
    for command in COMMANDS:
        answer = run(*command, "--storage", f"sqlite:///{path}", cwd=tmp_path)
        assert answer.returncode in (0, 1, 2)
        if answer.returncode:
            assert len(answer.stderr.splitlines()) == 1


def test_a_schema_that_is_no_text_is_told_as_damage(sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(sound.replace(b"CREATE TABLE trials", b"CREATE TABLE \xf5rials"))
    answer = run("studies", "--storage", f"sqlite:///{path}")
    assert answer.returncode in (1, 2)
    assert len(answer.stderr.splitlines()) == 1
