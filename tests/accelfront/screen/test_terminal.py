"""What a database holds cannot steer the terminal, nor a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from pathlib import Path

import pytest
from rich.table import Table

from accelfront.screen.tables import plain_table
from accelfront.screen.terminal import CleanConsole, clean
from storage.database.opening import open_store
from storage.reading.studies import study_names
from storage.study_store import attributes as keys
from storage.study_store.rows import STUDIES, STUDY_ATTRIBUTES
from tests.command_line import run
from tests.made_studies import add_point, add_study

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\u202egnp.exe\u2066\x9b2J\r[/bold] [red]"

DEVICE = f"=cmd|'/c calc'!A1{HOSTILE}"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A study whose every text steers, and one that cannot be read and has such a name too."""
    url = f"sqlite:///{tmp_path_factory.mktemp('hostile')}/a.db"
    store = open_store(url, create=True)
    study = add_study(store, "deepcache", pipeline="tiny-shapes", digest=HOSTILE)
    add_point(study, {f"cache{HOSTILE}": 3}, (2.0, 1.9, 2.1), (0.01, 0.0, 0.015))
    study.set_user_attr(
        keys.ENVIRONMENT, {"device": DEVICE, "versions": {f"torch{HOSTILE}": HOSTILE}}
    )
    broken = add_study(store, "tome", digest=HOSTILE)
    with store.engine.begin() as connection:
        connection.execute(
            STUDY_ATTRIBUTES.update()
            .where(STUDY_ATTRIBUTES.c.study_id == broken._study_id)
            .values(value_json="{")
        )
        connection.execute(STUDIES.insert().values(study_id=9, study_name=f"theirs {HOSTILE}"))
    store.engine.dispose()
    return url


def steers(text: str) -> list[str]:
    """What would not show as it reads."""
    kept = ("\n", "\t")
    return [
        each for each in text if unicodedata.category(each) in ("Cc", "Cf") and each not in kept
    ]


COMMANDS = (
    ("studies",),
    ("studies", "--json"),
    ("front",),
    ("front", "--csv"),
    ("front", "--json"),
    ("front", "nothing of this name"),
    ("bounds",),
    ("bounds", "--json"),
    ("tasks",),
    ("export", "--format", "csv"),
    ("export", "--format", "json"),
    ("export", "--format", "search-params"),
    ("export", "--format", "speedup-bounds"),
    ("generate", f"tiny-shapes, DDIM, 20 steps, DeepCache, at least 9x {HOSTILE}"),
    ("generate", "tiny-shapes, DDIM, 20 steps, DeepCache, at least 1.5x", "--device", DEVICE),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_lets_a_database_steer_the_terminal(
    storage: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    answer = run(*command, "--storage", storage, cwd=tmp_path)
    assert answer.stdout or answer.stderr
    assert steers(answer.stdout) == steers(answer.stderr) == []


def test_json_says_what_the_database_says(storage: str) -> None:
    [study] = json.loads(run("front", "--json", "--storage", storage).stdout)
    assert study["device"] == DEVICE
    assert study["study"].endswith(HOSTILE)


@pytest.mark.parametrize("command", [("export", "--format", "csv"), ("front", "--csv")])
def test_no_text_is_a_formula_and_every_number_is_one(
    storage: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    store = open_store(storage)
    [name] = [each for each in study_names(store) if "deepcache" in each]
    written = run(*command, name, "--storage", storage).stdout
    [row] = csv.DictReader(io.StringIO(written))
    assert not [cell for cell in [*row, *row.values()] if cell.startswith(("=", "+", "@", "\t"))]
    assert float(row["clip_loss_ci_low"]) == 0.0
    assert row.get("device", "'=").startswith("'=")


def test_a_negative_loss_stays_a_number(storage: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/b.db"
    store = open_store(url, create=True)
    add_point(add_study(store, "tome"), {"ratio": 0.5}, (1.5, 1.4, 1.6), (-0.01, -0.02, 0.0))
    [row] = csv.DictReader(io.StringIO(run("front", "--csv", "--storage", url).stdout))
    assert (row["clip_loss"], row["clip_loss_ci_low"]) == ("-0.01", "-0.02")


def test_a_terminal_gets_the_colours_of_tables_and_no_other_sequence() -> None:
    table = plain_table("device", title=f"title {HOSTILE}")
    table.add_row(HOSTILE, style="dim")
    screen = io.StringIO()
    console = CleanConsole(
        file=screen, force_terminal=True, color_system="standard", width=200, markup=False
    )
    console.print(table, HOSTILE)
    written = screen.getvalue()
    assert "\x1b[1m" in written and "\x1b[2m" in written
    assert "\x1b[31m" not in written and "\x1b]" not in written and "\u202e" not in written
    assert clean(HOSTILE) in written


@pytest.mark.parametrize(
    ("cell", "width", "lines"),
    [
        (
            "is fresh_threshold_interval_long=8 here",
            18,
            ["is", "fresh_threshold_", "interval_long=8", "here"],
        ),
        ("KDPM2AncestralDiscreteScheduler", 14, ["KDPM2Ancestral", "Discrete", "Scheduler"]),
        ("KDPM2AncestralDiscreteScheduler", 19, ["KDPM2Ancestral", "DiscreteScheduler"]),
        ("a/model@0123abcd", 9, ["a/model@", "0123abcd"]),
        ("well-known words stay", 10, ["well-known", "words stay"]),
        ("threshold=0.0839", 13, ["threshold=", "0.0839"]),
        ("kept_layers=-1", 13, ["kept_layers=", "-1"]),
        ("threshold=1e-05", 13, ["threshold=", "1e-05"]),
        ("a" * 25, 10, ["a" * 10, "a" * 10, "a" * 5]),
        ("加速比不低于1.3x", 8, ["加速比不", "低于1.3x"]),
    ],
)
def test_words_that_are_too_long_for_a_column_break_at_joints(
    cell: str, width: int, lines: list[str]
) -> None:
    table = Table.grid()
    table.add_column(overflow="fold")
    table.add_row(cell)
    screen = io.StringIO()
    CleanConsole(file=screen, width=width).print(table)
    assert [line.rstrip() for line in screen.getvalue().splitlines()] == lines


def test_chinese_and_line_ends_stay() -> None:
    text = "加速比不低于1.3x,\n\t精度损失 é \N{IDEOGRAPHIC SPACE}"
    assert clean(text) == text


def test_half_a_character_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert clean("a\ud800b") == "a\N{REPLACEMENT CHARACTER}b"
