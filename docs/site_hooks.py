"""What mkdocs builds: the pages, and whatever else of the repository they link to.

README.md and the tables of benchmarks/results lie outside docs/, and are read as part of the pages.
The site therefore has the tree of the repository, and every link is the one that GitHub follows.
Its navigation is docs/index.md: the sections, and the pages that their tables link to.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).resolve().parents[1]

INDEX = ROOT / "docs" / "index.md"

FIRST = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/index.md")

LINK = re.compile(r"\]\(([^)#\s]+)|^\[[^\]]+\]: ([^#\s]+)", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let mkdocs build a folder with all that the pages link to."""
    staged = Path(tempfile.mkdtemp(prefix="accelfront-pages-"))
    for name in linked():
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, staged / name)
    config.docs_dir = str(staged)
    config.nav = navigation()
    return config


def on_post_build(config: MkDocsConfig) -> None:
    """Remove that folder."""
    shutil.rmtree(config.docs_dir)


def navigation() -> list[Mapping[str, Sequence[object]]]:
    """The sections of the site, each with its pages by their titles."""
    _, *sections = INDEX.read_text(encoding="utf-8").split("\n## ")
    home: list[object] = ["README.md", {"All pages": "docs/index.md"}]
    return [{"Home": home}, *({text.partition("\n")[0]: _rows(text)} for text in sections)]


def _rows(section: str) -> list[dict[str, str]]:
    rows = re.findall(r"^\| \[([^\]]+)\]\(([^)]+)\)", section, re.MULTILINE)
    return [{title: _name(INDEX.parent / link)} for title, link in rows]


def _name(path: Path) -> str:
    return path.resolve().relative_to(ROOT).as_posix()


def linked() -> set[Path]:
    """The files that are reached from the first pages; a link to nowhere is left to mkdocs."""
    found: set[Path] = set()
    due = [Path(name) for name in FIRST]
    while due:
        page = due.pop()
        if page in found:
            continue
        found.add(page)
        if page.suffix != ".md":
            continue
        for match in LINK.finditer((ROOT / page).read_text(encoding="utf-8")):
            target = (ROOT / page).parent / (match[1] or match[2])
            if "://" not in (match[1] or match[2]) and target.is_file():
                due.append(target.resolve().relative_to(ROOT))
    return found
