"""Where the figures of a benchmark are kept: a JSON file, and the same as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any


def keep_results(name: str, results: dict[str, Any], page: str, out: Path) -> None:
    """Write both files.

    Args:
        name: What was measured and where, in words.
        results: Its figures.
        page: The same for people, in Markdown.
        out: The folder; it is made if it is not there.
    """
    slug = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{slug}.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (out / f"{slug}.md").write_text(page, encoding="utf-8")
