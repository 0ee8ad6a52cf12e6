from __future__ import annotations

import pytest

from accelfront.screen.counting import counted


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [(0, "trial", "0 trials"), (1, "trial", "1 trial"), (1, "study", "1 study"),
     (2, "study", "2 studies"), (1234, "entry", "1,234 entries")],
)  # fmt: skip
def test_a_number_takes_the_singular_or_the_plural(number: int, noun: str, words: str) -> None:
    assert counted(number, noun) == words
