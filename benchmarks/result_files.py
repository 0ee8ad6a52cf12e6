"""Where the figures of a benchmark are kept: a JSON file, and the same as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any


def results_path(name: str, out: Path) -> Path:
    """Where the JSON file of a name is."""
    return out / f"{re.sub(r'[^a-z0-9.]+', '-', name.lower()).strip('-')}.json"


def keep_results(name: str, results: dict[str, Any], page: str, out: Path) -> None:
    """Write both files.

    Args:
        name: What was measured and where, in words.
        results: Its figures.
        page: The same for people, in Markdown.
        out: The folder; it is made if it is not there.
    """
    path = results_path(name, out)
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    path.with_name(f"{path.stem}.md").write_text(page, encoding="utf-8")
