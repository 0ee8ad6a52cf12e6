"""Keep the results of a sweep: its database, its fronts and its bounds.

    accelfront sweep studies/offline-prototype.yaml --storage sqlite:///offline-prototype.db
    python -m benchmarks.pages.sweep_results studies/offline-prototype.yaml offline-prototype.db

Writes `sweep-<file>.db.gz` (the SQLite file, compacted), `.json` (every study with its front, as
`accelfront front --json` prints it) and `.md` (the bounds) into `benchmarks/results`. Unpacked, the
database is like any other: `accelfront front`, `generate` and `dashboard` take it, and the sweep
resumes in it. Exits with 3 if a study of the file lacks a front.
"""

from __future__ import annotations

import argparse
import gzip
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from accelfront.screen.tables import weakness_text
from benchmarks.shared.result_files import RESULTS, keep_results, out_folder
from generator.bounds import weak_baselines
from objectives.errors import InputError
from storage.database.opening import open_store
from storage.errors import StorageError
from storage.reading.studies import read_studies
from storage.records.study import Study
from studies.sweep import label, make_requests
from studies.sweep_file import read_sweep


def main() -> int:
    """Read the sweep's studies, write the files, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("sweep", type=Path, help="the sweep file")
    parser.add_argument("database", type=Path, help="the SQLite file of its studies")
    parser.add_argument("--out", type=out_folder, default=RESULTS)
    options = parser.parse_args()
    if not options.database.is_file():
        parser.error(f"there is no {options.database}; accelfront sweep makes it")
    try:
        requests = make_requests(read_sweep(options.sweep), options.sweep.parent)
        records = read_studies(open_store(f"sqlite:///{options.database}"))
    except (InputError, StorageError) as error:
        parser.error(str(error))
    wanted = list(map(label, requests))
    found = {study.combination.name: study for study in records}
    studies = [found[each] for each in wanted if each in found]
    missing = [each for each in wanted if each not in found or not found[each].front]
    if not studies:
        parser.error(f"{options.database} holds no study of {options.sweep}")
    name = f"sweep-{options.sweep.stem}"
    results = {
        "sweep": options.sweep.name,
        "date": last_day(options.database),
        "missing": missing,
        "studies": [{**study.as_json(), "versions": study.versions} for study in studies],
    }
    keep_results(name, results, as_markdown(results, studies, len(wanted)), options.out)
    size = compact(options.database, options.out / f"{name}.db.gz")
    print(f"{len(wanted) - len(missing)} of {len(wanted)} studies with a front; {size:,} bytes")
    return 3 if missing else 0


def last_day(database: Path) -> str:
    """The date on which the last trial ended, so that old figures get no new date."""
    with closing(sqlite3.connect(database)) as connection:
        [last] = connection.execute("SELECT MAX(datetime_complete) FROM trials").fetchone()
    return str(last)[:10]


def compact(database: Path, path: Path) -> int:
    """Write a SQLite file without its gaps, compressed; equal content gives equal bytes.

    Returns:
        The size in bytes.
    """
    with tempfile.TemporaryDirectory() as folder:
        dense = Path(folder, "dense.db")
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("VACUUM INTO ?", (str(dense),))
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(gzip.compress(dense.read_bytes(), mtime=0))
        part.replace(path)
    return path.stat().st_size


def as_markdown(results: dict[str, Any], studies: Sequence[Study], wanted: int) -> str:
    """The bounds: a table for each pipeline, a row for each scheduler and number of steps."""
    protocol = studies[0].protocol
    versions = ", ".join(f"{package} {number}" for package, number in studies[0].versions.items())
    points = sum(len(study.trials) for study in studies)
    distinct = sum(study.space.distinct for study in studies)
    grid = sum(study.space.grid for study in studies)
    shared = sum(trial.measurement.device_shared for study in studies for trial in study.trials)
    lines = [
        f"# The studies of {results['sweep']}",
        "",
        f"{results['date']}, {', '.join(sorted({study.device for study in studies}))}; {versions}. "
        f"{protocol.num_samples} prompts in batches of {protocol.batch_size}, "
        f"{protocol.dtype}. Made by `python -m benchmarks.pages.sweep_results`.",
        "",
        f"{wanted - len(results['missing'])} of {wanted} studies have a front; {points:,} points "
        f"measured, of {distinct:,} that differ, of {grid:,} parameter sets of the full grids. "
        f"{shared:,} of the points were measured on a GPU that other processes used too.",
        "",
        "## In short",
        "",
        "The median of the bounds over schedulers and steps, and how many studies have one above "
        "1x. A bound is the greatest speedup inside the loss budget.",
        "",
        *_medians(studies),
        "",
        *(f"- {weakness_text(weak)}" for weak in weak_baselines(studies)),
        "",
        f"A cell: the fastest point inside a loss budget of {studies[0].loss_budget:.0%}, its "
        "loss, and how many points the front has, of those measured, of those in the space. `-`: "
        "none inside the budget is faster than the baseline.",
    ]
    by_label = {study.combination.name: study for study in studies}
    for pipeline in dict.fromkeys(study.combination.pipeline for study in studies):
        of_pipeline = [s for s in studies if s.combination.pipeline == pipeline]
        stacks = list(dict.fromkeys(s.combination.method_names for s in of_pipeline))
        rows = dict.fromkeys((s.combination.scheduler, s.combination.steps) for s in of_pipeline)
        lines += [
            "",
            f"## {pipeline}",
            "",
            f"| scheduler | steps | {' | '.join(stacks)} |",
            "|---|---|" + "---|" * len(stacks),
        ]
        for scheduler, steps in rows:
            labels = [f"{pipeline}--{scheduler}--{steps}--{stack}" for stack in stacks]
            cells = " | ".join(_cell(by_label.get(each)) for each in labels)
            lines.append(f"| {scheduler} | {steps} | {cells} |")
    if results["missing"]:
        lines += ["", f"Without a front: {', '.join(results['missing'])}."]
    return "\n".join(lines) + "\n"


def _medians(studies: Sequence[Study]) -> list[str]:
    stacks = list(dict.fromkeys(study.combination.method_names for study in studies))
    bounds: dict[tuple[str, str], list[float]] = {}
    for study in studies:
        best = study.bound
        key = study.combination.pipeline, study.combination.method_names
        bounds.setdefault(key, []).append(1.0 if best is None else max(1.0, best.judged_speedup))
    lines = [f"| pipeline | {' | '.join(stacks)} |", "|---|" + "---|" * len(stacks)]
    for pipeline in dict.fromkeys(pipeline for pipeline, _ in bounds):
        cells = (_median(bounds.get((pipeline, stack), [])) for stack in stacks)
        lines.append(f"| {pipeline} | {' | '.join(cells)} |")
    return lines


def _median(bounds: Sequence[float]) -> str:
    if not bounds:
        return "not measured"
    return f"{median(bounds):.2f}x, {sum(each > 1 for each in bounds)} of {len(bounds)}"


def _cell(study: Study | None) -> str:
    if study is None:
        return "not measured"
    of_points = f"{len(study.front)} of {len(study.trials)} of {study.space.distinct:,}"
    best = study.bound
    if best is None or best.judged_speedup <= 1:
        return f"-; {of_points}"
    return f"**{best.judged_speedup:.2f}x** at {best.judged_loss:z.1%}; {of_points}"


if __name__ == "__main__":
    sys.exit(main())
