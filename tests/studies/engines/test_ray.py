"""A sweep on a real Ray cluster: two nodes on the loopback, CPU workers, one Postgres."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from optuna.trial import TrialState
from sqlalchemy import make_url

from storage.database.opening import Store, open_store
from storage.reading.studies import read_studies
from storage.records.points import point_key
from storage.records.study import Study
from storage.study_store.claims import list_claims
from tests.command_line import modules_after, run

pytest.importorskip("ray", reason="needs Ray: pip install '.[ray]'")

PASSWORD = "c0rrect-h0rse"

TRIALS = 4

SWEEP = f"""
pipelines: tiny-shapes
schedulers: DDIM
steps: 6
methods: [deepcache, tgate]
protocol: {{num_samples: 2, batch_size: 1}}
trials: {TRIALS}
sampler: grid
loss_budget: 0.5
"""
"""The walk takes the first point that is free, and so a dead worker's point again; which one a
search takes depends on what it measured."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head with one CPU, that finds another node dead within seconds."""
    from ray.cluster_utils import Cluster

    health = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 1000,
        "health_check_timeout_ms": 2000,
        "health_check_failure_threshold": 5,
    }
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # By default workers yield to everything else on the machine.
        environment.setenv("RAY_worker_niceness", "0")
        head = {"num_cpus": 1, "include_dashboard": False, "_system_config": health}
        cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        yield cluster
        cluster.shutdown()


@pytest.fixture
def second_node(cluster: Any) -> Iterator[Any]:
    """A node beside the head, also with one CPU."""
    node = cluster.add_node(num_cpus=1)
    yield node
    if node in cluster.worker_nodes:
        cluster.remove_node(node)


@pytest.fixture
def storage(postgres_url: str) -> str:
    """A database whose URL holds a password, for which the server does not ask."""
    url = make_url(postgres_url).set(password=PASSWORD)
    return url.render_as_string(hide_password=False)


def start(folder: Path, cluster: Any, storage: str) -> subprocess.Popen[str]:
    """Start the command that a person types; its words lie in the folder."""
    (folder / "sweep.yaml").write_text(SWEEP)
    ray = ("--engine", "ray", "--address", cluster.address, "--device", "cpu", "--no-confirm")
    with (folder / "told").open("w") as told, (folder / "json").open("w") as answer:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "accelfront", "sweep", "sweep.yaml", *ray),
                *("--storage", storage, "--json"),
            ],
            cwd=folder,
            stdout=answer,
            stderr=told,
            text=True,
        )


def wait_until(reached: Callable[[], bool], folder: Path, sweep: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while not reached():
        if sweep.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"exit code {sweep.poll()}: {(folder / 'told').read_text()}")
        time.sleep(0.2)


@dataclass(frozen=True)
class Halted:
    """A worker that is suspended in the middle of a trial, which so cannot end."""

    process: psutil.Process
    study: str
    trial: int
    point: str


def under_way(store: Store, node: Any) -> Iterator[Halted]:
    """The trials that workers of a node have under way."""
    [raylet] = node.all_processes["raylet"]
    workers = {each.pid: each for each in psutil.Process(raylet.process.pid).children()}
    for study in store.optuna.get_all_studies():
        running = store.optuna.get_all_trials(study._study_id, states=(TrialState.RUNNING,))
        numbers = {trial.number for trial in running}
        for claim in list_claims(store.engine, study._study_id):
            if claim.trial_number in numbers and claim.pid in workers:
                process = workers[claim.pid]
                yield Halted(process, study.study_name, claim.trial_number, claim.point)


@contextmanager
def halted_at_work(
    node: Any, store: Store, folder: Path, sweep: subprocess.Popen[str]
) -> Iterator[Halted]:
    """Wait for a node's worker to measure a point, and suspend it there."""
    caught: list[Halted] = []

    def catch() -> bool:
        for worker in under_way(store, node):
            worker.process.suspend()
            # The database may be at work on the last that it was told.
            time.sleep(0.5)
            if worker in under_way(store, node):
                caught.append(worker)
                return True
            worker.process.resume()
        return False

    wait_until(catch, folder, sweep)
    [worker] = caught
    try:
        yield worker
    finally:
        with suppress(psutil.NoSuchProcess):
            worker.process.resume()


@contextmanager
def both_halted_at_work(
    cluster: Any, node: Any, store: Store, folder: Path, sweep: subprocess.Popen[str]
) -> Iterator[tuple[Halted, Halted]]:
    """Let neither worker do all alone, and nothing end before what happens now."""
    with (
        halted_at_work(cluster.head_node, store, folder, sweep) as first,
        halted_at_work(node, store, folder, sweep) as second,
    ):
        yield first, second


def found(store: Store) -> dict[str, Study]:
    """Studies by name."""
    return {study.name: study for study in read_studies(store)}


def points(study: Study) -> dict[int, str]:
    """The keys of what a study has measured, by trial."""
    return {trial.number: point_key(trial.params) for trial in study.trials}


def end(sweep: subprocess.Popen[str], folder: Path) -> list[dict[str, Any]]:
    sweep.wait(timeout=250)
    answer = (folder / "json").read_text()
    assert answer, (folder / "told").read_text()
    return list(json.loads(answer))


# Two sweeps, each with waits of its own that end; a busy machine needs minutes for them.
@pytest.mark.timeout(900)
def test_a_sweep_goes_on_after_ctrl_c_outlives_a_node_and_leaves_no_password(
    cluster: Any, second_node: Any, storage: str, tmp_path: Path
) -> None:
    """The node that is killed has a trial under way: the other one measures that point too."""
    store = open_store(storage, create=True)
    told = tmp_path / "told"

    sweep = start(tmp_path, cluster, storage)
    with both_halted_at_work(cluster, second_node, store, tmp_path, sweep) as running:
        sweep.send_signal(signal.SIGINT)
        wait_until(lambda: "finishing the running trial" in told.read_text(), tmp_path, sweep)
    rows = end(sweep, tmp_path)
    assert sweep.returncode == 130, told.read_text()
    assert "interrupted" in {row["state"] for row in rows}
    studies = found(store)
    before = sum(len(study.trials) for study in studies.values())
    assert sum(row["measured"] for row in rows) == before < 2 * TRIALS
    # Nobody's trial was cut off.
    assert {state for study in studies.values() for state in study.states} == {"complete"}
    for worker in running:
        assert points(studies[worker.study])[worker.trial] == worker.point

    sweep = start(tmp_path, cluster, storage)
    with both_halted_at_work(cluster, second_node, store, tmp_path, sweep) as (_, killed):
        # What Ray shows of the command, and what other users see of it.
        shown = " ".join(psutil.Process(sweep.pid).cmdline())
        session = Path(cluster.head_node.get_session_dir_path())
        cluster.remove_node(second_node, allow_graceful=False)
        # A suspended process does not notice that its node is gone.
        killed.process.kill()
    rows = end(sweep, tmp_path)
    assert sweep.returncode == 0, told.read_text()
    assert "lost; Ray starts it anew" in told.read_text()
    assert [row["state"] for row in rows] == ["done", "done"]
    assert sum(row["measured"] for row in rows) == 2 * TRIALS - before
    studies = found(store)
    for study in studies.values():
        assert len(set(points(study).values())) == study.states["complete"] == TRIALS
    assert sum(study.states.get("fail", 0) for study in studies.values()) == 1
    after = points(studies[killed.study])
    assert killed.trial not in after
    assert killed.point in after.values()

    assert PASSWORD not in shown
    left = [*session.rglob("*"), *tmp_path.rglob("*")]
    holding = [path for path in left if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert session / "logs" / "gcs_server.out" in left
    assert holding == []


def test_a_second_ctrl_c_ends_a_sweep_without_its_running_trial(
    cluster: Any, storage: str, tmp_path: Path
) -> None:
    store = open_store(storage, create=True)
    told = tmp_path / "told"
    sweep = start(tmp_path, cluster, storage)
    with halted_at_work(cluster.head_node, store, tmp_path, sweep) as worker:
        sweep.send_signal(signal.SIGINT)
        wait_until(lambda: "finishing the running trial" in told.read_text(), tmp_path, sweep)
        sweep.send_signal(signal.SIGINT)
        rows = end(sweep, tmp_path)
        worker.process.wait(timeout=60)
    assert sweep.returncode == 130, told.read_text()
    assert "interrupted" in {row["state"] for row in rows}
    assert "Traceback" not in told.read_text()
    # Whoever opens the study next frees the point.
    claims = list_claims(store.engine, store.optuna.get_study_id_from_name(worker.study))
    [left] = [claim for claim in claims if claim.trial_number == worker.trial]
    assert left.point == worker.point and left.is_orphaned()


def test_what_ray_cannot_do_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)

    def complaint(*options: str) -> str:
        answer = run("sweep", "sweep.yaml", *options, cwd=tmp_path)
        assert answer.returncode == 2, answer.stderr
        return answer.stderr

    sqlite = complaint("--engine", "ray", "--storage", "sqlite:///a.db")
    assert sqlite.startswith("accelfront: --engine ray needs a Postgres")
    assert sqlite.count("\n") == 1
    assert not (tmp_path / "a.db").exists()
    unknown = ("--address", "127.0.0.1:1", "--storage", "oracle://host/database")
    assert "'oracle' is neither" in complaint("--engine", "ray", *unknown)
    assert "--workers are for --engine ray" in complaint("--workers", "2")


def test_a_sweep_on_ray_leaves_heavy_libraries_to_its_workers(tmp_path: Path) -> None:
    """They take seconds to import, and no worker begins before the command has started Ray."""
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    ray = ("--engine", "ray", "--storage", "sqlite:///a.db")
    assert modules_after("sweep", "sweep.yaml", *ray, cwd=tmp_path) == {"ray"}


def test_a_cluster_that_does_not_answer_is_told(storage: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    ray = ("--engine", "ray", "--address", "127.0.0.1:1", "--storage", storage)
    answer = run("sweep", "sweep.yaml", *ray, cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr.startswith("accelfront: there is no Ray cluster at --address 127.0.0.1:1")
