"""A sweep on a real Ray cluster: two nodes on the loopback, CPU workers, one Postgres."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import make_url

from accel_space.stack import point_key
from storage.records import StudyRecord, read_studies
from storage.store import open_store
from studies.plan import StudyRequest
from tests.studies.conftest import MakeRequest

pytest.importorskip("ray", reason="needs Ray: pip install '.[ray]'")

PASSWORD = "c0rrect-h0rse"

SWEEP = """
pipelines: tiny-shapes
schedulers: DDIM
steps: 6
methods: [deepcache, tgate]
protocol: {num_samples: 2, batch_size: 1}
trials: %d
loss_budget: 0.5
"""


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
        cluster = Cluster(initialize_head=True, head_node_args=head)
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


def start(folder: Path, cluster: Any, storage: str, trials: int) -> subprocess.Popen[str]:
    """Start the command that a person types; its words lie in the folder."""
    (folder / "sweep.yaml").write_text(SWEEP % trials)
    ray = ("--engine", "ray", "--address", cluster.address, "--device", "cpu")
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


def studies(storage: str) -> list[StudyRecord]:
    try:
        return read_studies(open_store(storage))
    except ValueError:
        return []  # None is begun yet.


def measured(storage: str) -> int:
    return sum(len(study.trials) for study in studies(storage))


def end(sweep: subprocess.Popen[str], folder: Path) -> list[dict[str, Any]]:
    sweep.wait(timeout=250)
    answer = (folder / "json").read_text()
    assert answer, (folder / "told").read_text()
    return list(json.loads(answer))


def test_a_sweep_outlives_a_node_and_leaves_no_password(
    cluster: Any, second_node: Any, storage: str, tmp_path: Path
) -> None:
    """The node that is killed has a trial under way: the other one measures that point too."""
    sweep = start(tmp_path, cluster, storage, trials=3)

    def both_at_work() -> bool:
        running = sum(study.states.get("running", 0) for study in studies(storage))
        return measured(storage) >= 1 and running == 2

    wait_until(both_at_work, tmp_path, sweep)
    # What Ray shows of the command, and what other users see of it.
    shown = " ".join(psutil.Process(sweep.pid).cmdline())
    session = Path(cluster.head_node.get_session_dir_path())
    cluster.remove_node(second_node, allow_graceful=False)
    rows = end(sweep, tmp_path)
    told = (tmp_path / "told").read_text()
    assert sweep.returncode == 0, told
    assert "lost; Ray starts it anew" in told
    assert [(row["state"], row["measured"]) for row in rows] == [("done", 3), ("done", 3)]
    for study in studies(storage):
        assert len({point_key(trial.params) for trial in study.trials}) == 3
        assert study.states["complete"] == 3
    assert sum(study.states.get("fail", 0) for study in studies(storage)) == 1
    assert PASSWORD not in shown
    left = [*session.rglob("*"), *tmp_path.rglob("*")]
    holding = [path for path in left if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert session / "logs" / "gcs_server.out" in left
    assert holding == []


@pytest.mark.usefixtures("second_node")
def test_ctrl_c_ends_after_the_running_trials_and_the_sweep_goes_on_later(
    cluster: Any, storage: str, tmp_path: Path
) -> None:
    sweep = start(tmp_path, cluster, storage, trials=3)
    wait_until(lambda: measured(storage) >= 1, tmp_path, sweep)
    sweep.send_signal(signal.SIGINT)
    rows = end(sweep, tmp_path)
    assert sweep.returncode == 130, (tmp_path / "told").read_text()
    assert "interrupted" in {row["state"] for row in rows}
    before = measured(storage)
    assert sum(row["measured"] for row in rows) == before < 6
    # Nobody's trial was cut off.
    assert {state for study in studies(storage) for state in study.states} == {"complete"}
    again = start(tmp_path, cluster, storage, trials=3)
    rows = end(again, tmp_path)
    assert again.returncode == 0
    assert sum(row["measured"] for row in rows) == 6 - before


def test_workers_begin_at_different_pipelines_and_leave_none_half_way(
    make_request: MakeRequest,
) -> None:
    from studies.ray_worker import in_order

    def pipelines(requests: list[StudyRequest]) -> str:
        return "".join(request.pipeline for request in requests)

    requests = [make_request(pipeline=name, steps=n) for name in "abc" for n in (10, 20)]
    orders = [in_order(requests, worker) for worker in (1, 2, 3, 4)]
    assert [pipelines(order) for order in orders] == ["aabbcc", "bbccaa", "ccaabb", "aabbcc"]
    assert [request.steps for request in orders[1]] == [10, 20] * 3


def test_what_ray_cannot_do_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP % 1)
    command = [sys.executable, "-m", "accelfront", "sweep", "sweep.yaml"]

    def complaint(*options: str) -> str:
        answer = subprocess.run(
            [*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert answer.returncode == 2, answer.stderr
        return answer.stderr

    sqlite = complaint("--engine", "ray", "--storage", "sqlite:///a.db")
    assert sqlite.startswith("accelfront: --engine ray needs a Postgres")
    assert sqlite.count("\n") == 1
    assert not (tmp_path / "a.db").exists()
    assert "--workers are for --engine ray" in complaint("--workers", "2")


def test_a_cluster_that_does_not_answer_is_told(storage: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP % 1)
    command = [sys.executable, "-m", "accelfront", "sweep", "sweep.yaml", "--storage", storage]
    answer = subprocess.run(
        [*command, "--engine", "ray", "--address", "127.0.0.1:1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert answer.returncode == 2
    assert answer.stderr.startswith("accelfront: there is no Ray cluster at --address 127.0.0.1:1")
