from __future__ import annotations

import os

# Tests run side by side: more threads than cores would have them wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gc
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import settings
from sqlalchemy import Engine, event

from tests.tiers.covering import is_turn_of_other_database

# What importing torch and collecting thousands of tests leave stays to the end. Looking through it
# again and again for garbage would take a third of the time.
gc.disable()
_leave_alone = gc.freeze

# A change is judged by what it changes: `pytest --hypothesis-profile=default` draws new examples.
# No test asserts a speed, and a machine with other work to do would miss any deadline.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# A shell's background job ignores Ctrl-C and hands that on: what the tests interrupt must not.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _renew_threads() -> None:
    """Give a forked process its own pool of torch's threads while it has one thread.

    Setting a number of threads, as Optuna's Gaussian process does, leaves a pool that a fork
    replaces at its first use, and two threads that load a model can come upon it half replaced.
    """
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(torch.get_num_threads())


os.register_at_fork(after_in_child=_renew_threads)


@event.listens_for(Engine, "connect")
def _wait_for_no_disk(connection: Any, record: object) -> None:
    """Nothing here has to outlive the machine, and what a killed process wrote stays anyway."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="session", autouse=True)
def quiet_machine() -> Iterator[None]:
    """No study times a point again, however busy the machine that runs the tests is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("studies.run.remeasurement.due.to_time_again", lambda trials, front: [])
        yield


@pytest.fixture(scope="session", autouse=True)
def migrations_read_once() -> Iterator[None]:
    """Optuna runs the scripts of its migrations at each opening of a database: most of its time."""
    scripts = ScriptDirectory.from_config
    read: list[ScriptDirectory] = []

    def from_config(config: Config) -> ScriptDirectory:
        if not read:
            read.append(scripts(config))
        return read[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", from_config)
        yield


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB of its own, where the machine allows to mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Golden files are rewritten on demand, and their diff is then read."""
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden instead of comparing"
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Collect garbage from here on, and leave alone what there is.

    A study that drops a pipeline thaws all that is frozen, so that hundreds would look through what
    pytest and the libraries hold. Processes of their own freeze and thaw as people's do.
    """
    gc.collect()
    _leave_alone()
    gc.enable()
    patch = pytest.MonkeyPatch()
    patch.setattr(gc, "freeze", lambda: None)
    patch.setattr(gc, "unfreeze", lambda: None)
    session.config.add_cleanup(patch.undo)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Leave alone what a file of tests has imported, too."""
    yield
    if nextitem is not None and nextitem.path != item.path:
        gc.collect()
        _leave_alone()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave every second database to `make test-all`; skip what needs a GPU where there is none."""
    for item in items:
        if is_turn_of_other_database(item):
            item.add_marker(pytest.mark.thorough)
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
