"""Start one study several times at once on an empty database.

    python -m benchmarks.storage.start_together

Each is the command line as a user types it, with the shipped pipeline really generating and scoring
on the CPU; on an empty Postgres, then on an empty SQLite.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import optuna
from optuna.trial import TrialState

from benchmarks.shared.result_files import RESULTS, keep_results
from benchmarks.storage.postgres import new_database, postgres
from storage.database.opening import open_store
from storage.records.points import point_key
from storage.study_store.attributes import DUPLICATE_OF, POINT
from storage.study_store.claims import list_claims

COMMAND = (
    "accelfront", "study", "--methods", "deepcache,tgate", "--steps", "20", "--num-samples", "2",
    "--batch-size", "1", "--device", "cpu", "--sampler", "grid", "--req-score-loss", "0.5",
)  # fmt: skip


def start_together(url: str, workers: int, trials: int) -> dict[str, Any]:
    """Run the command this many times at once, and count the results.

    Args:
        url: A database that holds nothing.
        workers: How many processes.
        trials: How many points the study should have.
    """
    start = time.perf_counter()
    arguments = [sys.executable, "-m", *COMMAND, "--trials", str(trials), "--storage", url]
    crew = [
        subprocess.Popen(
            arguments,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(workers)
    ]
    codes = [process.wait() for process in crew]
    seconds = time.perf_counter() - start
    store = open_store(url)
    [study] = [
        optuna.load_study(study_name=each.study_name, storage=store.optuna)
        for each in store.optuna.get_all_studies()
    ]
    all_trials = study.get_trials(deepcopy=False)
    own = [trial for trial in all_trials if DUPLICATE_OF not in trial.user_attrs]
    complete = [trial for trial in own if trial.state == TrialState.COMPLETE]
    points = Counter(point_key(trial.user_attrs[POINT]) for trial in complete)
    study_id = store.optuna.get_study_id_from_name(study.study_name)
    measured_by = {claim.point: claim.pid for claim in list_claims(store.engine, study_id)}
    store.engine.dispose()
    return {
        "processes": workers,
        "exit_codes": codes,
        "wanted": trials,
        "completed": len(complete),
        "distinct": len(points),
        "measured_by_each": sorted(Counter(measured_by[point] for point in points).values()),
        "states": dict(Counter(trial.state.name.lower() for trial in own)),
        "repeats_and_second_looks": len(all_trials) - len(own),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """Start on both databases, and write `results/start-together.json` and `.md`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--trials", type=int, default=60)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        os.environ["ACCELFRONT_ARTIFACTS"] = folder
        urls = {
            "postgresql": new_database(server, "together"),
            "sqlite": f"sqlite:///{folder}/together.db",
        }
        results = {
            name: start_together(url, given.workers, given.trials) for name, url in urls.items()
        }
    _write(results)
    if any(
        not result["wanted"] == result["completed"] == result["distinct"]
        or any(result["exit_codes"])
        for result in results.values()
    ):
        sys.exit(1)


def _write(results: dict[str, dict[str, Any]]) -> None:
    content = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), "optuna": optuna.__version__},
        "command": " ".join(COMMAND),
    }
    lines = ["# Studies started at once", "", *[f"- {key}: {content[key]}" for key in content], ""]
    lines += [f"| | {' | '.join(results)} |", f"|---|{'---|' * len(results)}"]
    for figure in next(iter(results.values())):
        row = " | ".join(str(result[figure]) for result in results.values())
        lines.append(f"| {figure} | {row} |")
    text = "\n".join([*lines, ""])
    keep_results("start-together", content | results, text, RESULTS)
    print(text)


if __name__ == "__main__":
    main()
