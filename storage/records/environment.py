"""The environment: the device and the library versions that a measurement was made with."""

from __future__ import annotations

from collections.abc import Mapping

from storage.records.record import Record


class Environment(Record):
    """Where a measurement was made.

    Attributes:
        device: The device's name; part of a study's identity.
        versions: Version by name: Python, the GPU's driver, and the libraries that the stack uses.
    """

    device: str
    versions: dict[str, str]


def version_drift(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """List the differences, as `torch 2.11.0 -> 2.12.0`; empty if there are none.

    Args:
        before: Versions that were kept; those not in use now do not count, as earlier releases
            kept the libraries of all methods.
        now: Versions that are in use.
    """
    return [
        f"{name} {before.get(name) or 'none'} -> {now[name] or 'none'}"
        for name in now
        if before.get(name) != now[name]
    ]
