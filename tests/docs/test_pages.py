"""The pages: links to sections, the one vocabulary, and promises of fields."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

SECTION_LINK = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")

OLD_WORDS = re.compile(
    r"\b(second looks?|patience|ledger|rehears\w+|tally|lookout|workbench)\b", re.I
)
"""Words that the design has replaced, in docs/concepts.md's list."""

NEGATIVE_ZERO = re.compile(r"(?<![\w.-])-0(?:\.0+)?(?![\w.-])")
"""A loss that rounds to zero has no sign."""


def _sections(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[`*]|\[|\]\([^)]*\)", "", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_sections_lead_somewhere(page: Path) -> None:
    links = SECTION_LINK.findall(page.read_text(encoding="utf-8"))
    lost = [
        f"{name}#{section}"
        for name, section in links
        if "://" not in name
        if section not in _sections(page.parent / name if name else page)
    ]
    assert not lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_use_the_words_of_today(page: Path) -> None:
    assert OLD_WORDS.findall(page.read_text(encoding="utf-8")) == []


def test_no_page_or_result_tells_a_negative_zero() -> None:
    told = {
        page.name: found
        for page in (*PAGES, *(ROOT / "benchmarks/results").glob("*.md"))
        if (found := NEGATIVE_ZERO.findall(page.read_text(encoding="utf-8")))
    }
    assert told == {}


def test_contributing_names_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("## Where things are")[2].partition("\n## ")[0]
    first_cells = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`([a-z_/]+)/`", "".join(map("".join, first_cells)))) - {"reading"}
    rooms = {
        str(init.parent.relative_to(ROOT))
        for top in ("accelfront", "studies", "generator", "objectives", "accel_space", "storage")
        for init in (*(ROOT / top).glob("__init__.py"), *(ROOT / top).glob("*/__init__.py"))
    }
    assert rooms <= named
    assert [name for name in named if not (ROOT / name).is_dir()] == []
