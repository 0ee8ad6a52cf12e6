"""The site of docs/, built and followed link by link."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]

FETCHED = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src",
}  # fmt: skip
"""What a browser fetches by itself, besides the links that say so."""

FETCHED_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch"}


@dataclass
class Page(HTMLParser):
    """A built page.

    Attributes:
        links: What it links to.
        fetched: What a browser fetches to show it.
        anchors: The places in it that have names.
    """

    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.anchors |= {known[name] for name in ("id", "name") if name in known}
        if tag == "a" and "href" in known:
            self.links.append(known["href"])
        if source := known.get(FETCHED.get(tag, "")):
            self.fetched.append(source)
        if tag == "link" and set(known.get("rel", "").split()) & FETCHED_LINKS:
            self.fetched.append(known["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    found = {}
    for file in site.rglob("*.html"):
        found[file] = page = Page()
        page.feed(file.read_text(encoding="utf-8"))
    return found


def test_every_link_of_the_site_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    lost = []
    # A server shows 404.html at any address, so its links begin at the root.
    for file, page in pages.items():
        for link in [*page.links, *page.fetched] if file.name != "404.html" else []:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if target.is_dir():
                target /= "index.html"
            anchors = pages[target].anchors | {"", "__top"} if target in pages else {""}
            if not target.is_file() or unquote(parts.fragment) not in anchors:
                lost.append(f"{file.relative_to(site)}: {link}")
    assert not lost


def test_a_reader_without_a_network_misses_nothing(site: Path, pages: dict[Path, Page]) -> None:
    assert len(pages) > 40
    foreign = {link for page in pages.values() for link in page.fetched if urlsplit(link).netloc}
    assert not foreign
    styles = "".join(file.read_text(encoding="utf-8") for file in site.rglob("*.css"))
    assert "url(http" not in styles.replace('"', "") and "@import" not in styles


def test_every_page_of_docs_is_in_the_navigation(site: Path, pages: dict[Path, Page]) -> None:
    home = pages[site / "index.html"]
    there = {path.with_suffix(".html").name for path in (ROOT / "docs").glob("*.md")}
    assert {f"docs/{name}" for name in there} <= set(home.links)
