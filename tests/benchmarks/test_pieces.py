"""Results that are drawn in pieces: gone on with where they were cut off."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from benchmarks.embedded.pieces import Drawn, InPieces

ABOUT = {"device": "a CPU", "prompts": 2}

DRAWN: InPieces[str] = InPieces("made up", "words", str, lambda results: "a page")


def draw(piece: str, device: str) -> Drawn:
    """A piece of two letters; the time is over before the last one."""
    if piece == "late":
        return {}, []
    return {"torch": device}, [{"letter": letter} for letter in piece]


def drawn(out: Path, *pieces: str) -> dict[str, Any]:
    """The file after a run on these pieces."""
    options = Namespace(devices=["cpu"], processes=1, out=out)
    DRAWN.draw_lacking(DRAWN.begun(out, ABOUT), pieces, draw, options)
    [path] = out.glob("*.json")
    results: dict[str, Any] = json.loads(path.read_text())
    return results


def test_each_piece_is_kept_and_none_is_drawn_twice(tmp_path: Path, capfd: Any) -> None:
    first = drawn(tmp_path, "ab", "late")
    assert first["words"] == {"ab": [{"letter": "a"}, {"letter": "b"}]}
    assert first["versions"] == {"torch": "cpu"}
    assert capfd.readouterr().out.splitlines() == ["ab: 2 points", "1 of 2 words"]

    assert drawn(tmp_path, "ab", "cd")["words"].keys() == {"ab", "cd"}
    assert capfd.readouterr().out.splitlines() == ["cd: 2 points", "2 of 2 words"]


def test_what_was_drawn_on_another_device_is_begun_anew(tmp_path: Path) -> None:
    drawn(tmp_path, "ab")
    assert DRAWN.begun(tmp_path, ABOUT)["words"]
    assert not DRAWN.begun(tmp_path, {**ABOUT, "device": "another one"})["words"]
