"""Run one sweep of 12 studies with 1, 2 and 4 workers of the Ray engine, and compare their times.

    python -m benchmarks.storage.ray_scaling --workers 1 2 4
    python -m benchmarks.storage.ray_scaling --workers 2 --kill

Each run is the command line as a user types it, over a new Postgres: a worker for each GPU, or
without GPUs for each CPU, with one thread. `--kill` kills one worker with -9 in the middle. A run
replaces the earlier one with as many workers in the results, if the sweep is the same: on a fresh
machine give `--workers 1 1 2`, as its first run reads all libraries from the disk.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from benchmarks.shared.result_files import keep_results, results_parser, results_path
from benchmarks.storage.postgres import new_database, postgres
from objectives.environment import this_environment
from objectives.timing.device import find_device
from storage.database.opening import Store, open_store
from storage.study_store.attributes import MEASUREMENT
from storage.study_store.claims import list_claims

SWEEP = """
pipelines: {pipeline}
schedulers: [DDIM, DPM-Solver++]
steps: [20, 25]
methods: [deepcache, tgate, deepcache+tgate]
protocol: {{num_samples: {num_samples}, batch_size: {batch_size}}}
trials: {trials}
sampler: grid
loss_budget: 0.5
"""
"""12 studies of similar length; `grid` gives each run the same points, whoever measures them."""

STUDIES = 12

COLUMNS = (
    *("workers", "killed", "seconds", "speed-up", "first trial", "end", "busy"),
    *("a trial", "its drawing", "a plain picture", "points"),
)


def run(url: str, file: Path, workers: int, kill_at: int | None) -> dict[str, Any]:
    """Run the sweep once.

    Args:
        url: An empty database.
        file: The sweep file.
        workers: How many.
        kill_at: Kill a worker once this many trials have ended; None kills nobody.

    Returns:
        The seconds until the end, until the first trial and since the last one's end; the share of
        the workers' time that is in trials; the mean seconds of a trial, of its drawing and of a
        picture without acceleration; and the number of measured points.
    """
    store = open_store(url, create=True)
    start, begun = time.perf_counter(), time.time()
    with file.with_suffix(".log").open("w") as told:
        command = subprocess.Popen(
            [
                *(sys.executable, "-m", "accelfront", "sweep", str(file), "--engine", "ray"),
                *("--address", "local", "--workers", str(workers), "--storage", url, "--json"),
            ],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=told,
        )
        killed = kill_at is not None and _kill_one(store, command, kill_at)
        answer, _ = command.communicate()
    seconds = time.perf_counter() - start
    if command.returncode:
        sys.exit(f"exit code {command.returncode}: {file.with_suffix('.log').read_text()}")
    studies = json.loads(answer)
    trials = [each for each in _trials(store) if each.datetime_start and each.datetime_complete]
    ends = [each.datetime_complete.timestamp() for each in trials if each.datetime_complete]
    starts = [each.datetime_start.timestamp() for each in trials if each.datetime_start]
    store.engine.dispose()
    return {
        "workers": workers,
        "killed": int(killed),
        "seconds": round(seconds, 1),
        "first_trial_s": round(min(starts) - begun, 1),
        "end_s": round(begun + seconds - max(ends), 1),
        "busy": round((sum(ends) - sum(starts)) / workers / seconds, 3),
        "done": sum(each["state"] == "done" for each in studies),
        "points": sum(each["measured"] for each in studies),
        "trials": len(trials),
        **_means(trials),
    }


def _means(trials: list[FrozenTrial]) -> dict[str, float]:
    """The seconds of a trial, and of its parts that another worker may slow down."""
    found = [trial.user_attrs[MEASUREMENT] for trial in trials if MEASUREMENT in trial.user_attrs]
    drawing = [each["seconds"]["generate"] + each["seconds"]["baseline"] for each in found]
    durations = [trial.duration.total_seconds() for trial in trials if trial.duration]
    return {
        "trial_s": round(fmean(durations), 2),
        "drawing_s": round(fmean(drawing), 2),
        "baseline_picture_s": round(fmean(each["baseline_latency_s"] for each in found), 4),
    }


def _kill_one(store: Store, command: subprocess.Popen[bytes], after: int) -> bool:
    """Kill the worker of a running trial once so many have ended; False if the sweep did before."""
    while command.poll() is None:
        if sum(trial.state.is_finished() for trial in _trials(store)) >= after:
            for number in _studies(store):
                running = store.optuna.get_all_trials(number, states=(TrialState.RUNNING,))
                at_work = {trial.number for trial in running}
                for claim in list_claims(store.engine, number):
                    if claim.trial_number in at_work:
                        os.kill(claim.pid, signal.SIGKILL)
                        return True
        time.sleep(0.5)
    return False


def _studies(store: Store) -> list[int]:
    """Optuna's numbers of all studies."""
    names = [study.study_name for study in store.optuna.get_all_studies()]
    return [store.optuna.get_study_id_from_name(name) for name in names]


def _trials(store: Store) -> list[FrozenTrial]:
    return [
        trial
        for number in _studies(store)
        for trial in store.optuna.get_all_trials(number, deepcopy=False)
    ]


def main() -> None:
    """Run the sweeps, and write `results/ray-scaling-<device>.json` and `.md`."""
    parser = results_parser(__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--kill", action="store_true", help="kill a worker in the middle")
    parser.add_argument("--pipeline", default="tiny-shapes")
    parser.add_argument("--trials", type=int, default=4, help="points of each study")
    parser.add_argument("--num-samples", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=4)
    given = parser.parse_args()
    sweep = SWEEP.format(**vars(given))
    environment = this_environment(find_device("auto"))
    name = f"ray-scaling {environment.device}"
    versions = {name: text for name, text in environment.versions.items() if text}
    versions |= {name: version(name) for name in ("ray", "optuna")}
    about = {"sweep": sweep, "device": environment.device, "versions": versions}
    runs = _earlier(name, given.out, about)
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        os.environ["ACCELFRONT_ARTIFACTS"] = folder
        file = Path(folder) / "sweep.yaml"
        file.write_text(sweep)
        for turn, workers in enumerate(given.workers):
            url = new_database(server, f"run_{turn}")
            kill_at = STUDIES * given.trials // 2 if given.kill else None
            done = run(url, file, workers, kill_at)
            runs = [each for each in runs if _key(each) != _key(done)] + [done]
            runs.sort(key=_key)
            # Results are kept at once, in case a later run fails.
            _write(name, {"date": datetime.now(UTC).date().isoformat(), **about}, runs, given.out)


def _key(run: dict[str, Any]) -> tuple[int, int]:
    return run["killed"], run["workers"]


def _earlier(name: str, out: Path, about: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs of the same sweep in the results, with the same versions on the same device.

    Runs that lack figures are of an earlier release.
    """
    path = results_path(name, out)
    kept = json.loads(path.read_text()) if path.exists() else {"runs": []}
    same = all(kept.get(key) == value for key, value in about.items())
    return [run for run in kept["runs"] if "trial_s" in run] if same else []


def _write(name: str, about: dict[str, Any], runs: list[dict[str, Any]], out: Path) -> None:
    alone = next((run["seconds"] for run in runs if _key(run) == (0, 1)), None)
    versions = ", ".join(f"{library} {number}" for library, number in about["versions"].items())
    lines = [f"# {name}", "", f"- date: {about['date']}", f"- versions: {versions}", ""]
    lines += ["```yaml", about["sweep"].strip(), "```", ""]
    lines += [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for run in runs:
        gain = "-" if alone is None else f"{alone / run['seconds']:.2f}x"
        cells = (
            *(run["workers"], run["killed"], f"{run['seconds']:.0f} s", gain),
            *(f"{run['first_trial_s']:.0f} s", f"{run['end_s']:.0f} s"),
            *(f"{run['busy']:.0%}", f"{run['trial_s']:.1f} s", f"{run['drawing_s']:.1f} s"),
            f"{run['baseline_picture_s'] * 1000:.0f} ms",
            f"{run['points']} in {run['done']} studies",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += [
        "",
        "first trial: seconds until it begins; end: seconds from the end of the last one;",
        "busy: the share of the workers' time that is in trials. Then means: of a trial, of what",
        "it spends on drawing, and of a picture without acceleration.",
        "",
    ]
    page = "\n".join(lines)
    keep_results(name, {**about, "runs": runs}, page, out)
    print(page, flush=True)


if __name__ == "__main__":
    main()
