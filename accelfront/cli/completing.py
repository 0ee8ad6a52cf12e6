"""Names that a shell offers for completion; nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from accelfront.cli.options import DEFAULT_STORAGE


def pipelines(incomplete: str) -> list[str]:
    """Pipelines of the catalogue."""
    from objectives.pipelines.catalogue import PIPELINES

    return _beginning(incomplete, PIPELINES)


def schedulers(incomplete: str) -> list[str]:
    """The schedulers that have names of ours."""
    from objectives.pipelines.schedulers import SCHEDULERS

    return _beginning(incomplete, SCHEDULERS)


def methods(incomplete: str) -> list[str]:
    """One more method after those already typed."""
    from accel_space.methods import METHODS

    return _after(incomplete, METHODS)


def metrics(incomplete: str) -> list[str]:
    """One more metric after those already typed, among those measured on request."""
    from objectives.quality import METRICS
    from storage.records.protocol import METRICS as USUAL

    return _after(incomplete, [name for name in METRICS if name not in USUAL])


def losses(incomplete: str) -> list[str]:
    """The metrics whose loss may be searched by: all of them."""
    from objectives.quality import METRICS

    return _beginning(incomplete, METRICS)


def samplers(incomplete: str) -> list[str]:
    """The samplers."""
    from studies.request import SAMPLERS

    return _beginning(incomplete, SAMPLERS)


def stored_studies(context: typer.Context, incomplete: str) -> list[str]:
    """The labels and names of the studies of the storage that the line names; none if it fails."""
    from storage.database.faults import DATABASE_ERRORS
    from storage.database.opening import open_store
    from storage.errors import DatabaseFailedError, StorageError
    from storage.reading.studies import labels_and_names

    try:
        store = open_store(context.params.get("storage") or DEFAULT_STORAGE)
        return _beginning(incomplete, labels_and_names(store))
    except (StorageError, DatabaseFailedError, *DATABASE_ERRORS):
        return []


def _after(incomplete: str, names: Iterable[str]) -> list[str]:
    """One more name after the last comma, among those not typed yet."""
    before, comma, last = incomplete.rpartition(",")
    typed = before.split(",")
    return [f"{before}{comma}{name}" for name in _beginning(last, names) if name not in typed]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
