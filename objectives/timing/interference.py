"""Disturbances of a measurement from outside, noticed by asking the system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from objectives.timing import device as devices

if TYPE_CHECKING:
    import torch

BUSY = 0.1
"""Share of the threads' time spent waiting for a CPU, above which a latency is not trustworthy.

On an idle machine it is under 0.01; an equal rival for every core makes it 0.5. A tenth can move a
speedup by a tenth if it only hits one half of the pairs, twice the usual difference between two
processes.
"""

SEEN = ("shared", "throttled", "busy")
"""What can be noticed from one trial alone."""

TASKS = Path("/proc/self/task")


class InterferenceMonitor:
    """Watches the machine while pairs are timed."""

    def __init__(self) -> None:
        self._ran_ns = 0
        self._waited_ns = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what happens inside."""
        before = _schedule()
        try:
            yield
        finally:
            for thread, (ran, waited) in _schedule().items():
                was_ran, was_waited = before.get(thread, (0, 0))
                self._ran_ns += ran - was_ran
                self._waited_ns += waited - was_waited

    @property
    def waited(self) -> float:
        """Share of the time in which our threads wanted to run and had no CPU, 0 to 1."""
        return self._waited_ns / max(1, self._ran_ns + self._waited_ns)

    def report(self, device: torch.device) -> list[str]:
        """List what was noticed.

        Args:
            device: Where the pairs were timed, asked now.

        Returns:
            Some of `SEEN`: `shared` (another process computes on the GPU), `throttled` (the GPU has
            lowered its clock for heat or for lack of power), `busy` (others took our CPUs).
        """
        noticed = (devices.is_shared(device), devices.is_throttled(device), self.waited > BUSY)
        return [word for word, is_so in zip(SEEN, noticed, strict=True) if is_so]


def _schedule() -> dict[str, tuple[int, int]]:
    """Nanoseconds that each of our threads ran, and waited for a CPU; empty if not on Linux.

    Unlike the load of the machine this counts only the waiting of our threads, also in a container
    with a share of its host's CPUs.
    """
    found = {}
    # A thread may end while this is read.
    for task in TASKS.iterdir() if TASKS.is_dir() else ():
        try:
            ran, waited, _ = (task / "schedstat").read_text(encoding="ascii").split()
        except (OSError, ValueError):
            continue
        found[task.name] = (int(ran), int(waited))
    return found
