"""Processes of this machine, identified by facts that setting the clock does not change."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import NamedTuple

import psutil

PROC = Path("/proc")

BOOT = " boot:"
"""Stands between host and boot in a claim; claims of earlier releases have neither."""

CLOCK_S = 1.0
"""How far two readings of a process's start by the clock may differ."""


class Started(NamedTuple):
    """A process that runs.

    Attributes:
        at: When it began: in clock ticks since the boot, or in seconds by the clock.
        works: Whether it is neither suspended nor ended.
    """

    at: float
    works: bool


def this_host() -> str:
    """Where process numbers mean the same as here: the host, and on Linux the container."""
    namespace = PROC / "self/ns/pid"
    inside = f" {namespace.readlink()}" if namespace.is_symlink() else ""
    return f"{socket.gethostname()}{inside}"


def this_boot() -> str:
    """Identify this run of the kernel; empty if the system does not say."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def since_boot(pid: int) -> Started | None:
    """Look up a process on Linux; None if there is none, or if it is a zombie.

    psutil's `create_time` adds the boot's time by the clock, which moves when the clock is set.
    """
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc_pid_stat(5): the name in brackets may hold anything; state is field 3, starttime 22.
    fields = stat.rpartition(")")[2].split()
    state, start = fields[0], fields[22 - 3]
    return None if state in "ZX" else Started(float(start), state not in "Tt")


def by_clock(pid: int) -> Started | None:
    """The same on any system; the start is in seconds, and on Linux moves when the clock is set."""
    try:
        process = psutil.Process(pid)
        status = process.status()
        if status == psutil.STATUS_ZOMBIE:
            return None
        return Started(process.create_time(), status != psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return None
