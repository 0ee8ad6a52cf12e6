"""`accelfront doctor`: what this machine can run, and what is missing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import typer

from accel_space.methods import METHODS
from accelfront.cli.options import DEFAULT_STORAGE, AsJson, Storage
from accelfront.screen.counting import counted

MODULES = {
    "torch": "torch",
    "diffusers": "diffusers",
    "transformers": "transformers",
    "open_clip_torch": "open_clip",
    "optuna": "optuna",
    "optuna-dashboard": "optuna_dashboard",
    "sqlalchemy": "sqlalchemy",
}
"""The packages that every study needs, and their modules; each method names its own library."""


@dataclass(frozen=True)
class Finding:
    """The state of a library, a device, a pipeline, a metric or the storage."""

    what: str
    state: Literal["ok", "note", "missing"]
    detail: str


def doctor(storage: Storage = DEFAULT_STORAGE, as_json: AsJson = False) -> None:
    """Show what this machine can run and what is missing; exit code 1 if a study cannot run."""
    from accelfront.screen.tables import plain_table, print_json
    from accelfront.screen.terminal import console

    libraries = [method.library for method in METHODS.values() if method.library]
    findings = [_library(package, module) for package, module in MODULES.items()]
    findings += [_library(library, library) for library in libraries]
    if all(finding.state == "ok" for finding in findings):
        # The other checks need the libraries.
        findings += [*_devices(), *_pipelines(), *_metrics(), _storage(storage)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        table = plain_table()
        for column in ("what", "state", "detail"):
            table.add_column(column, overflow="fold")
        for finding in findings:
            table.add_row(finding.what, finding.state, finding.detail)
        console().print(table)
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)


def _library(package: str, module: str) -> Finding:
    try:
        import_module(module)
        return Finding(package, "ok", version(package))
    except PackageNotFoundError:
        return Finding(package, "missing", f"pip install {package}")
    except ImportError as error:
        return Finding(package, "missing", f"cannot be imported: {error}")


def _devices() -> list[Finding]:
    import torch

    from objectives.timing.device import device_name, driver_version, is_shared

    cpu = Finding("device cpu", "ok", f"{device_name(torch.device('cpu'))}, fp32")
    gpus = [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    if not gpus:
        return [cpu, Finding("device cuda", "note", "none found; studies run on the CPU")]
    findings = [cpu]
    for gpu in gpus:
        memory_gib = torch.cuda.get_device_properties(gpu).total_memory / 2**30
        detail = f"{device_name(gpu)}, {memory_gib:.0f} GiB, driver {driver_version(gpu)}, fp16"
        if is_shared(gpu):
            detail += "; another process computes on it and disturbs latencies"
        findings.append(Finding(f"device {gpu}", "note" if is_shared(gpu) else "ok", detail))
    return findings


def _pipelines() -> list[Finding]:
    from objectives.errors import InputError
    from objectives.model_files.hub import is_cached
    from objectives.pipelines.catalogue import PIPELINES

    findings = []
    for entry in PIPELINES.values():
        name = f"pipeline {entry.name}"
        try:
            _ = entry.architecture
        except InputError as error:
            findings.append(Finding(name, "missing", str(error)))
            continue
        here = isinstance(entry.model, Path) or is_cached(entry.model, "model_index.json")
        detail = "" if here else ": not fetched yet; a study fetches it, or takes --model FOLDER"
        findings.append(Finding(name, "ok" if here else "note", f"{entry.model}{detail}"))
    return findings


def _metrics() -> list[Finding]:
    from objectives.errors import InputError
    from objectives.quality import METRICS

    findings = []
    for metric in METRICS.values():
        try:
            place = metric.place(None)
        except InputError as error:
            findings.append(Finding(f"metric {metric.name}", "note", str(error)))
            continue
        detail = metric.title if place is None else f"{metric.title}, {place}"
        findings.append(Finding(f"metric {metric.name}", "ok", detail))
    return findings


def _storage(url: str) -> Finding:
    from accelfront.cli.reading.stored import read
    from storage.database.opening import open_store
    from storage.errors import StorageError

    try:
        store = open_store(url)
        return Finding("storage", "ok", f"{store.name}: {counted(len(read(store)), 'study')}")
    except StorageError as error:
        # A missing database is normal: the first study makes it.
        return Finding("storage", "note", str(error))
