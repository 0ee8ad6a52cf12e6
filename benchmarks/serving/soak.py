"""Load a service with mixed qualities, kill it in the middle, and count wrong pictures.

    accelfront generate TASK --as service --out services
    python -m benchmarks.serving.soak services/NAME_service.py

The service runs on the CPU, on the loopback. First a process that draws nothing else draws the
pictures of each quality. Then clients ask for all of them at once, in random order, and
every picture is compared byte by byte. The process is killed under that load and started again.
"""

from __future__ import annotations

import os
import platform
import random
import re
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

from benchmarks.shared.result_files import keep_results, results_parser

QUALITIES = ("fast", "balanced", "best")

PROMPTS = ("a red square", "two blue circles above a green star")

KINDS: list[dict[str, Any]] = [
    {"prompt": prompt, "quality": quality, "seed": seed, **more}
    for quality in QUALITIES
    for seed, prompt in enumerate(PROMPTS)
    for more in ({}, {"negative_prompt": "a yellow ring"})
]

Pictures = Mapping[int, bytes]
"""The expected pictures, by index in `KINDS`."""


@contextmanager
def started(service: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """Start a service, and wait until it accepts requests; it is killed on leaving."""
    command = [sys.executable, "-P", str(service), "--port", "0", "--device", "cpu"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                    # A full pipe would stop the service.
                    Thread(target=deque, args=(process.stderr, 0), daemon=True).start()
                    yield httpx.Client(base_url=found[1], timeout=600), process
                    return
            raise SystemExit(f"{service} did not start")
        finally:
            process.kill()


def drawn_alone(service: Path) -> Pictures:
    """What each quality draws in a process that draws no other."""
    pictures = {}
    for quality in QUALITIES:
        with started(service) as (client, _):
            for place, kind in enumerate(KINDS):
                if kind["quality"] == quality:
                    pictures[place] = client.post("/pictures", json=kind).content
    return pictures


def load(client: httpx.Client, clients: int, seconds: float, expected: Pictures) -> Counter[str]:
    """Ask for mixed pictures all the time, and count the results."""
    end = time.monotonic() + seconds

    def ask(seed: int) -> Counter[str]:
        chance, counts = random.Random(seed), Counter[str]()
        while time.monotonic() < end:
            place = chance.randrange(len(KINDS))
            try:
                answer = client.post("/pictures", json=KINDS[place])
            except httpx.HTTPError:
                counts["cut off"] += 1
                return counts
            right = answer.content == expected[place]
            counts["failed" if answer.status_code != 200 else "right" if right else "wrong"] += 1
        return counts

    with ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(ask, range(clients)), Counter())


def killed_under_load(service: Path, clients: int, expected: Pictures) -> Counter[str]:
    """The results of requests when the process is killed, a few seconds after they begin."""
    with started(service) as (client, process), ThreadPoolExecutor(1) as pool:
        loaded = pool.submit(load, client, clients, 600, expected)
        time.sleep(5)
        process.kill()
        return loaded.result()


def main() -> None:
    """Load and kill, and write `results/service-soak.json` and `.md`."""
    parser = results_parser(__doc__)
    parser.add_argument("service", type=Path, help="a file of `generate --as service`")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=8)
    given = parser.parse_args()
    expected = drawn_alone(given.service)
    with started(given.service) as (client, _):
        loaded = load(client, given.clients, given.seconds, expected)
        health = client.get("/healthz").json()
    killed = killed_under_load(given.service, given.clients, expected)
    with started(given.service) as (client, _):
        again = load(client, given.clients, given.seconds / 4, expected)
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "service": given.service.stem,
        "clients": given.clients,
        "seconds": given.seconds,
        "different pictures": len(set(expected.values())),
        "under load": dict(loaded),
        "health after it": health["status"],
        "killed under load": dict(killed),
        "started again": dict(again),
    }
    rows = [f"| {name} | {value} |" for name, value in results.items()]
    page = "\n".join(["# A service under load", "", "| | |", "|---|---|", *rows, ""])
    keep_results("service soak", results, page, given.out)
    print(page)
    total = loaded + killed + again
    if total["wrong"] or total["failed"] or loaded["cut off"] or again["cut off"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
