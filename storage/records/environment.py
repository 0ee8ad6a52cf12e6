"""The environment: the device and the library versions that a measurement was made with."""

from __future__ import annotations

from storage.records.record import Record


class Environment(Record):
    """Where a measurement was made.

    Attributes:
        device: The device's name; part of a study's identity.
        versions: Version by name: Python, the GPU's driver, and the libraries that the stack uses.
    """

    device: str
    versions: dict[str, str]
