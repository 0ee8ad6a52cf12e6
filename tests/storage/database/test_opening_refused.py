"""Databases and URLs that are not opened."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from storage.database.opening import Store
from storage.database.schema import SCHEMA_VERSION, schema_table
from tests.storage.database.refusals import refusal

Opened = Callable[..., Store]


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("content", [b"a red square\n" * 100, b"x", bytes(range(256)) * 16])
def test_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, create: bool, content: bytes
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert f"{path} is no SQLite database" in refusal(f"sqlite:///{path}", create)
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("create", [False, True])
def test_folder_is_refused_with_a_file_to_name_instead(tmp_path: Path, create: bool) -> None:
    message = refusal(f"sqlite:///{tmp_path}", create)
    assert "is a folder" in message
    assert str(tmp_path / "accelfront.db") in message


@pytest.mark.parametrize("create", [False, True])
def test_file_in_a_missing_folder_is_refused(tmp_path: Path, create: bool) -> None:
    message = refusal(f"sqlite:///{tmp_path / 'no' / 'a.db'}", create)
    assert f"the folder {tmp_path / 'no'} does not exist" in message
    assert list(tmp_path.iterdir()) == []


def test_new_file_in_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        # Root writes wherever files can be made at all.
        folder = Path("/proc/self")
        if not folder.exists():
            pytest.skip("this user may write everywhere")
    assert "cannot open" in refusal(f"sqlite:///{folder / 'a.db'}", create=True)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file:a?mode=memory&uri=true",
    ],
)
def test_database_in_memory_is_refused(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "would lose the study" in refusal(url, create=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "no URL"),
        ("studies.db", "no URL"),
        ("reader:hunter2@host/db", "no URL"),
        ("postgresql://reader:hunter2@host:port/db", "no URL"),
        ("mysql://reader:hunter2@host/db", "'mysql' is neither"),
        ("postgres://reader:hunter2@host/db", "'postgres' is neither"),
        ("oracle+nonsense://reader:hunter2@host/db", "'oracle' is neither"),
        ("postgresql://reader:p@hunter2@host/db", "write an @ of the password as %40"),
        ("postgresql://reader:hunter2@127.0.0.1:1/db", "cannot open"),
        ("postgresql+nonsense://reader:hunter2@127.0.0.1:1/db", "cannot open"),
        ("postgresql://127.0.0.1:1/db?user=reader&password=hunter2", "cannot open"),
        ("postgresql://reader:hunter2@127.0.0.1:1/db?nonsense=1", "cannot open"),
        ("postgresql://reader:hun%7Bter2%7D@127.0.0.1:1/db", "cannot open"),
        ("sqlite:////missing/a.db?password=hunter2", "does not exist"),
    ],
)
@pytest.mark.parametrize("create", [False, True])
def test_unusable_url_is_refused_without_its_password(url: str, reason: str, create: bool) -> None:
    message = refusal(url, create)
    assert reason in message
    assert "hunter2" not in message
    assert "hun{ter2}" not in message and "hun%7B" not in message


def test_unknown_postgres_database_is_refused_by_its_name(postgres_url: str) -> None:
    message = refusal(postgres_url.replace("/test_", "/missing_"), create=True)
    assert 'database "missing_' in message


def test_database_of_a_newer_accelfront_is_refused(url: str, opened: Opened) -> None:
    store = opened(url, create=True)
    with store.engine.begin() as connection:
        connection.execute(update(schema_table).values(version=SCHEMA_VERSION + 1))
    store.engine.dispose()
    for create in (False, True):
        message = refusal(url, create)
        assert f"schema {SCHEMA_VERSION + 1}" in message
        assert "upgrade accelfront" in message


def test_database_of_another_optuna_is_refused_with_its_word(
    sqlite_url: str, opened: Opened, tmp_path: Path
) -> None:
    opened(sqlite_url, create=True).engine.dispose()
    with sqlite3.connect(tmp_path / "studies.db") as connection:
        connection.execute("UPDATE version_info SET schema_version = 1")
        connection.execute("UPDATE alembic_version SET version_num = 'v0.9.0.a'")
    assert "optuna storage upgrade" in refusal(sqlite_url)


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg:///host=127.0.0.1 password=hunter2",
        "postgresql+psycopg:///host%3D127.0.0.1%20password%3Dhunter2",
        "postgresql+psycopg://reader@127.0.0.1:1/db%3Fpassword=hunter2",
        "postgresql+psycopg:///postgresql://reader:hunter2@127.0.0.1:1/db",
        "postgresql+psycopg://reader%3Ahunter2@127.0.0.1:1/db",
        "postgresql://reader:p@w/hunter2@127.0.0.1:1/db",
        "sqlite://reader:hunter2@host/a.db",
        "postgresql://reader@127.0.0.1:1/db?sslpassword=hunter2",
    ],
)
def test_a_url_whose_parts_may_be_told_apart_wrongly_shows_no_password(
    url: str, create: bool
) -> None:
    assert "hunter2" not in refusal(url, create)
