from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("columns", "colours"), [("40", "1"), ("200", "")])
def test_the_reference_is_current_whatever_the_terminal(
    columns: str, colours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", colours)
    render = runpy.run_path(str(DOCS / "generate_commands.py"))["render_commands"]
    committed = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert render() == committed, "docs/commands.md is stale; `make docs` writes it anew"
