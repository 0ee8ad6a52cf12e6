"""Load a storage as a team would.

    python -m benchmarks.storage.storage_load

32 workers on one Postgres and 4 on one SQLite file measure 2,000 and 200 points with a stub in
place of the GPU second; then `front` and `studies` read a database of 200 studies x 200 trials.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy import Connection, Table, insert, text

from benchmarks.shared.result_files import RESULTS, keep_results, results_path
from benchmarks.storage.postgres import new_database, postgres
from benchmarks.storage.stub_loader import REQUEST, made_up, work
from storage.database.opening import Store, open_store
from storage.records.points import point_key
from storage.study_store import attributes as keys
from storage.study_store import rows as tables
from storage.study_store.claims import list_claims
from studies.plan import Plan, make_plan

GPU_S = 1.0

PARTS = ("load of", "reading")

STUDIES = 200

TRIALS = 200

_fork = multiprocessing.get_context("fork")


def load(url: str, plan: Plan, workers: int) -> dict[str, Any]:
    """Run one study with this many workers, and count.

    Args:
        url: An empty database.
        plan: The study.
        workers: How many processes start together.
    """
    # The process that makes the tables holds one more connection meanwhile, for the lock.
    open_store(url, create=True).engine.dispose()
    start = time.perf_counter()
    crew = [_fork.Process(target=_work, args=(url, plan)) for _ in range(workers)]
    for process in crew:
        process.start()
    connections = 0
    while any(process.is_alive() for process in crew):
        connections = max(connections, _connections(url, {process.pid for process in crew}))
        time.sleep(1)
    seconds = time.perf_counter() - start
    store = open_store(url)
    study = optuna.load_study(study_name=plan.study_name, storage=store.optuna)
    complete = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state == TrialState.COMPLETE and keys.DUPLICATE_OF not in trial.user_attrs
    ]
    points = Counter(point_key(trial.user_attrs[keys.POINT]) for trial in complete)
    study_id = store.optuna.get_study_id_from_name(study.study_name)
    claims = {claim.point for claim in list_claims(store.engine, study_id)}
    store.engine.dispose()
    return {
        "workers": workers,
        "trials": len(complete),
        "seconds": round(seconds, 1),
        "trials_per_s": round(len(complete) / seconds, 2),
        "claims_lost": len(points.keys() - claims),
        "duplicates": sum(count - 1 for count in points.values()),
        "workers_failed": sum(process.exitcode != 0 for process in crew),
        "connections_per_worker": connections,
    }


def _work(url: str, plan: Plan) -> None:
    work(url, plan, lambda: time.sleep(GPU_S))


def _connections(url: str, pids: set[int | None]) -> int:
    """The most connections that one process holds: sockets of the server, or open files."""
    import psutil

    most = 0
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if url.startswith("sqlite"):
                path = url.removeprefix("sqlite:///")
                held = sum(file.path == path for file in process.open_files())
            else:
                # Those of multiprocessing are pipes.
                held = len(process.net_connections("unix"))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        most = max(most, held)
    return most


def fill(store: Store, plan: Plan, studies: int, trials: int) -> None:
    """Write studies as they are after many days, faster than through Optuna.

    Args:
        store: An empty database.
        plan: The plan whose protocol each study holds.
        studies: How many studies.
        trials: How many completed trials in each.
    """
    points = plan.stack.points[:trials]
    measured = [(point, made_up(point)) for point in points]
    with store.engine.begin() as connection:
        for index in range(studies):
            _fill_study(connection, plan, index + 1, measured)
        if connection.dialect.name == "postgresql":
            connection.execute(text("ANALYZE"))


def _fill_study(
    connection: Connection, plan: Plan, study_id: int, measured: list[tuple[Any, Any]]
) -> None:
    def add(table: Table, rows: list[dict[str, Any]]) -> None:
        connection.execute(insert(table), rows)

    name = f"{plan.study_name}{study_id:04}"
    attributes = {
        keys.COMBINATION: plan.combination.as_json(),
        keys.PROTOCOL: plan.protocol.as_json(),
        keys.ENVIRONMENT: plan.environment.as_json(),
        keys.SPACE: {
            "distinct": len(plan.stack.points),
            "grid": plan.stack.grid_size,
            "choices": {name: list(each.values) for name, each in plan.stack.space.items()},
        },
        keys.LOSS_BUDGET: 0.02,
    }
    add(tables.STUDIES, [{"study_id": study_id, "study_name": name}])
    directions = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    add(
        tables.STUDIES.metadata.tables["study_directions"],
        [
            {"study_id": study_id, "direction": direction, "objective": objective}
            for objective, direction in enumerate(directions)
        ],
    )
    add(
        tables.STUDY_ATTRIBUTES,
        [
            {"study_id": study_id, "key": key, "value_json": json.dumps(value)}
            for key, value in attributes.items()
        ],
    )
    first = (study_id - 1) * len(measured) + 1
    now = datetime.now()
    shared = {"study_id": study_id, "state": TrialState.COMPLETE}
    add(
        tables.TRIALS,
        [
            {
                **shared,
                "trial_id": first + number,
                "number": number,
                "datetime_start": now,
                "datetime_complete": now,
            }
            for number in range(len(measured))
        ],
    )
    add(
        tables.VALUES,
        [
            {"trial_id": first + number, "objective": index, "value": value, "value_type": "FINITE"}
            for number, (_, figures) in enumerate(measured)
            for index, value in enumerate((figures.speedup, figures.clip_loss))
        ],
    )
    add(
        tables.ATTRIBUTES,
        [
            {"trial_id": first + number, "key": key, "value_json": json.dumps(value)}
            for number, (point, figures) in enumerate(measured)
            for key, value in (
                (keys.POINT, point),
                (keys.FEASIBLE, True),
                (keys.MEASUREMENT, figures.as_json()),
            )
        ],
    )


def read_cost(url: str, plan: Plan, small: str) -> dict[str, Any]:
    """The cost to a command of reading 200 studies of 200 trials.

    Args:
        url: An empty database, which is filled.
        plan: The plan whose protocol each study holds.
        small: A database with one trial: Python's own start does not count as cost.
    """
    store = open_store(url, create=True)
    fill(store, plan, STUDIES, TRIALS)
    store.engine.dispose()
    costs: dict[str, Any] = {"studies": STUDIES, "trials_each": TRIALS}
    for command in ("front", "studies"):
        idle_s = _command_s(command, "--json", "--storage", small)
        whole_s = _command_s(command, "--json", "--storage", url)
        costs[f"{command}_s"] = round(whole_s - idle_s, 2)
        costs[f"{command}_whole_command_s"] = round(whole_s, 2)
    return costs


def _command_s(*arguments: str) -> float:
    """The best of three, as other processes may be at work."""
    command = [sys.executable, "-m", "accelfront", *arguments]
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Load both databases and write `results/storage-load.json` and `.md`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=32)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--sqlite-trials", type=int, default=200)
    parser.add_argument("--only", choices=["load", "read"])
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Eight more trials at the end would be the same for any number of points.
    plan = make_plan(replace(REQUEST, trials=given.trials, confirm=False))
    few = replace(plan, request=replace(plan.request, trials=given.sqlite_trials))
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        os.environ["ACCELFRONT_ARTIFACTS"] = folder
        urls = {name: new_database(server, name) for name in ("load", "big")}
        if given.only != "read":
            results["load of postgresql"] = load(urls["load"], plan, given.workers)
            results["load of sqlite"] = load(f"sqlite:///{folder}/load.db", few, 4)
        if given.only != "load":
            small = f"sqlite:///{folder}/small.db"
            store = open_store(small, create=True)
            fill(store, plan, 1, 1)
            store.engine.dispose()
            results["reading postgresql"] = read_cost(urls["big"], plan, small)
            results["reading sqlite"] = read_cost(f"sqlite:///{folder}/big.db", plan, small)
    _write(results)


def _write(results: dict[str, Any]) -> None:
    path = results_path("storage-load", RESULTS)
    # If one part was run, the other part's figures stay.
    before = json.loads(path.read_text()) if path.exists() else {}
    kept = {title: value for title, value in before.items() if title.startswith(PARTS)}
    results = kept | results
    content = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), "optuna": optuna.__version__},
        "load_average": [round(value, 1) for value in os.getloadavg()],
        **results,
    }
    lines = ["# Storage under load", ""]
    lines += [f"- {key}: {value}" for key, value in content.items() if key not in results]
    for title, figures in results.items():
        rows = [f"| {key} | {value} |" for key, value in figures.items()]
        lines += ["", f"## {title}", "", "| | |", "|---|---|", *rows]
    text = "\n".join([*lines, ""])
    keep_results("storage-load", content, text, RESULTS)
    print(text)


if __name__ == "__main__":
    main()
