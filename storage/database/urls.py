"""Addresses of databases: which ones are accepted, and how they are shown without passwords."""

from __future__ import annotations

import re

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from storage.errors import StorageError

RULE = "a storage is sqlite:///file.db or postgresql+psycopg://user@host/database"

NO_NAME = re.compile(r"[=@/?#:\s]")
"""In the name of a user, a host or a database: a sign that the URL was split in the wrong
place, or that libpq would read settings from the name, perhaps with a password."""

PASSWORD_KEYS = ("password", "passfile", "sslpassword")


def parse_url(url: str) -> URL:
    """Parse the address of a database that may hold studies.

    Raises:
        StorageError: If it is no such address; the text repeats nothing that may hold a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StorageError(f"{RULE}; the one given is no URL") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return _postgres(parsed)
    if backend != "sqlite":
        raise StorageError(f"{RULE}; {backend!r} is neither")
    if parsed.host or parsed.username or parsed.password:
        raise StorageError(f"{RULE}; the one given names a server for a file")
    # With `uri` SQLite reads further settings from the name, such as `mode=memory`.
    if parsed.database in (None, "", ":memory:") or "uri" in parsed.query:
        raise StorageError("a storage in memory would lose the study; use sqlite:///file.db")
    return parsed.set(drivername="sqlite")


def _postgres(parsed: URL) -> URL:
    if "@" in (parsed.host or "") or "@" in (parsed.database or ""):
        # The text after the first @ would be shown as the host.
        raise StorageError(f"{RULE}; write an @ of the password as %40")
    # An IPv6 address has colons.
    names = (parsed.username, (parsed.host or "").replace(":", ""), parsed.database)
    if any(NO_NAME.search(name) for name in names if name):
        raise StorageError(
            f"{RULE}; in the one given a user, host or database holds one of = @ / ? # : or a "
            "blank; write those of the password as %XX"
        )
    return parsed.set(drivername="postgresql+psycopg")


def shown_url(url: URL) -> str:
    """Return an address to show: without its password and its query, which may hold one too."""
    return url.set(query={}).render_as_string(hide_password=True)


def without_secrets(text: str, url: URL) -> str:
    """A driver's message about an address, without its passwords."""
    given = [url.query.get(key) for key in PASSWORD_KEYS]
    secrets = [url.password, *(each for each in given if isinstance(each, str))]
    for secret in secrets:
        if secret:
            text = text.replace(str(secret), "***")
    return text
