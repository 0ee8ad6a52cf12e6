"""The cost of a report on many studies.

    python -m benchmarks.storage.report_load

Writes a database of 301 studies of one combination, among which all commands of the page
choose, with 100 trials each; then measures `accelfront report` in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.shared.result_files import RESULTS, keep_results
from benchmarks.storage.storage_load import fill
from benchmarks.storage.stub_loader import REQUEST
from storage.database.opening import open_store
from studies.plan import make_plan

STUDIES = 301

TRIALS = 100

LAUNCH = """
import json, resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]))
"""
"""A small process in between: a child begins with the memory of its parent."""


def report_cost(folder: Path) -> dict[str, Any]:
    """CPU time, wall time, peak memory and page of a report."""
    url = f"sqlite:///{folder}/many.db"
    store = open_store(url, create=True)
    fill(store, make_plan(replace(REQUEST, trials=TRIALS, confirm=False)), STUDIES, TRIALS)
    store.engine.dispose()
    page = folder / "report.html"
    command = [sys.executable, "-m", "accelfront", "report", "--storage", url, "--out", str(page)]
    start = time.perf_counter()
    told = subprocess.check_output([sys.executable, "-c", LAUNCH, *command], text=True)
    wall_s = time.perf_counter() - start
    cpu_s, most_bytes = json.loads(told)
    return {
        "studies": STUDIES,
        "trials_each": TRIALS,
        "cpu_s": round(cpu_s, 1),
        "wall_s": round(wall_s, 1),
        "most_memory_mb": round(most_bytes / 1e6),
        "page_mb": round(page.stat().st_size / 1e6, 1),
    }


def main() -> None:
    """Measure, and write `results/report-load.json` and `.md`."""
    description = __doc__.partition("\n")[0] if __doc__ else None
    argparse.ArgumentParser(description=description).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = report_cost(Path(folder))
    content: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, no GPU",
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("optuna", "jinja2", "pydantic", "sqlalchemy")},
        },
        "load_average": [round(value, 1) for value in os.getloadavg()],
    }
    rows = [f"| {key} | {value} |" for key, value in figures.items()]
    told = [f"- {key}: {value}" for key, value in content.items()]
    page = "\n".join(["# A report of many studies", "", *told, "", "| | |", "|---|---|", *rows, ""])
    keep_results("report-load", {**content, **figures}, page, RESULTS)
    print(page)


if __name__ == "__main__":
    main()
