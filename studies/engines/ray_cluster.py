"""The Ray cluster: connecting to it, and sharing its devices out among workers."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

import ray
from setproctitle import setproctitle

from objectives.errors import InputError

CONNECT_S = 10.0
"""How long a cluster may take to answer."""


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect to a cluster, and disconnect at the end."""
    # Ray shows the command line to everyone, and --storage may hold a password.
    setproctitle("accelfront sweep --engine ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == "local":
        # By default workers run at low priority, which would distort latencies.
        os.environ.setdefault("RAY_worker_niceness", "0")
    host, _, port = address.rpartition(":")
    try:
        if host and port.isdecimal():
            # Ray itself waits for minutes before it gives up.
            socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
        ray.init(
            address=address,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"there is no Ray cluster at --address {address}; start one with `ray start --head`, "
            "or give --address local for this machine alone"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def share_out(device: str, workers: int | None) -> tuple[str, int, dict[str, float]]:
    """Share the cluster out among workers.

    Returns:
        The device to measure on, the number of workers, and the resources of each worker.
    """
    nodes = [
        node["Resources"]
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]
    gpus = int(sum(node.get("GPU", 0) for node in nodes))
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"Ray picks the GPUs: --device {device} must be auto, cpu or cuda")
    if device == "cuda" or (device == "auto" and gpus):
        count = workers or gpus
        if not 0 < count <= gpus:
            raise InputError(f"the cluster has {gpus} GPUs, and each of {count} workers needs one")
        return "cuda", count, {"num_gpus": 1}
    count = workers or len(nodes)
    cpus = int(min(node.get("CPU", 0) for node in nodes))
    share = cpus // ceil(count / len(nodes))
    if not share:
        raise InputError(
            f"the cluster's {len(nodes)} nodes have {cpus} CPUs or more each, too few for "
            f"{count} workers; give fewer --workers"
        )
    return "cpu", count, {"num_cpus": share}
