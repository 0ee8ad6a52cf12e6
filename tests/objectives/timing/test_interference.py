from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from objectives.timing import device as devices
from objectives.timing.interference import BUSY, InterferenceMonitor

fork = multiprocessing.get_context("fork")


def burn(core: int) -> None:
    os.sched_setaffinity(0, {core})
    while True:
        pass


@contextmanager
def rival(core: int) -> Iterator[None]:
    process = fork.Process(target=burn, args=(core,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def work() -> None:
    """About 0.3 s of computing."""
    sum(number * number for number in range(4_000_000))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how long threads wait")
def test_a_rival_for_the_cpu_is_noticed() -> None:
    allowed = os.sched_getaffinity(0)
    core = min(allowed)
    os.sched_setaffinity(0, {core})
    try:
        monitor = InterferenceMonitor()
        with rival(core), monitor.watching():
            work()
    finally:
        os.sched_setaffinity(0, allowed)
    assert 3 * BUSY < monitor.waited < 1
    assert monitor.report(torch.device("cpu")) == ["busy"]


def test_nothing_watched_is_nothing_noticed() -> None:
    monitor = InterferenceMonitor()
    assert monitor.waited == 0
    assert monitor.report(torch.device("cpu")) == []


@pytest.mark.parametrize(
    ("answer", "throttled"),
    [
        ("0x0000000000000000", False),
        ("0x0000000000000001", False),
        ("0x0000000000000004", False),
        ("0x0000000000000008", True),
        ("0x0000000000000024", True),
        ("0x0000000000000040", True),
        ("0x0000000000000080", True),
        ("[N/A]", False),
        ("", False),
    ],
)
def test_only_a_clock_held_down_for_heat_or_lack_of_power_counts(
    answer: str, throttled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_nvidia_smi", lambda device, query: [answer] if answer else [])
    assert devices.is_throttled(torch.device("cuda")) is throttled
    assert not devices.is_throttled(torch.device("cpu"))
