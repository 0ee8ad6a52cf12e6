from __future__ import annotations

import pytest

from accelfront.screen.counting import counted
from accelfront.screen.tables import plain_table
from accelfront.screen.terminal import console, print_whole


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [(0, "trial", "0 trials"), (1, "trial", "1 trial"), (1, "study", "1 study"),
     (2, "study", "2 studies"), (1234, "entry", "1,234 entries")],
)  # fmt: skip
def test_a_number_takes_the_singular_or_the_plural(number: int, noun: str, words: str) -> None:
    assert counted(number, noun) == words


@pytest.mark.parametrize("columns", ["20", "80", "300"])
def test_a_path_is_never_broken(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    path = "/a folder/" + "deep/" * 30 + "script.py"
    table = plain_table("#", "speedup")
    table.add_column("script", justify="left", no_wrap=True)
    table.add_row("1", "1.50x 1.40-1.60", path)
    print_whole(console(), table)
    assert path in capsys.readouterr().out
