from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
import pytest
from sqlalchemy import Pool, event, inspect, select, text, update

from storage.database.opening import Store, open_store
from storage.database.schema import SCHEMA_VERSION, baselines, claims, schema_table
from storage.errors import StorageError
from tests.storage.study_store.workers import open_new, run_at_once

Opened = Callable[..., Store]


def make_study(store: Store, name: str) -> optuna.Study:
    return optuna.create_study(
        study_name=name, storage=store.optuna, directions=["maximize", "minimize"]
    )


def refusal(url: str, create: bool = False) -> str:
    with pytest.raises(StorageError) as refused:
        open_store(url, create)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_new_database_holds_optunas_tables_and_ours(store: Store) -> None:
    tables = set(inspect(store.engine).get_table_names())
    assert tables >= {"studies", "trials", schema_table.name, baselines.name, claims.name}
    with store.engine.connect() as connection:
        assert connection.scalars(select(schema_table.c.version)).all() == [SCHEMA_VERSION]


@pytest.mark.parametrize("create", [False, True])
def test_database_opens_again_with_what_it_held(url: str, opened: Opened, create: bool) -> None:
    first = opened(url, create=True)
    make_study(first, "kept")
    first.engine.dispose()
    again = opened(url, create=create)
    assert optuna.get_all_study_names(again.optuna) == ["kept"]
    with again.engine.connect() as connection:
        assert len(connection.execute(select(schema_table)).all()) == 1


def test_optuna_of_another_user_keeps_its_studies(url: str, opened: Opened) -> None:
    optuna.create_study(study_name="theirs", storage=url)
    with pytest.raises(StorageError, match="holds no studies"):
        open_store(url)
    assert optuna.get_all_study_names(opened(url, create=True).optuna) == ["theirs"]


def test_creation_that_was_cut_short_is_completed(url: str, opened: Opened) -> None:
    first = opened(url, create=True)
    with first.engine.begin() as connection:
        connection.execute(schema_table.delete())
        claims.drop(connection)
    first.engine.dispose()
    tables = inspect(opened(url, create=True).engine).get_table_names()
    assert claims.name in tables


def test_no_lock_file_stays(sqlite_url: str, opened: Opened, tmp_path: Path) -> None:
    opened(sqlite_url, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["studies.db"]


def test_relative_path_is_one_in_this_folder(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    opened("sqlite:///here.db", create=True)
    assert (tmp_path / "here.db").exists()


def test_path_may_hold_blanks_braces_and_percents(tmp_path: Path, opened: Opened) -> None:
    folder = tmp_path / "a {b} 100%"
    folder.mkdir()
    url = f"sqlite:///{folder / 'c.db'}"
    make_study(opened(url, create=True), "kept")
    assert (folder / "c.db").exists()
    assert optuna.get_all_study_names(opened(url).optuna) == ["kept"]


def test_reading_a_missing_database_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "missing.db"
    message = refusal(f"sqlite:///{path}")
    assert str(path) in message
    assert "`accelfront study` makes one" in message
    assert list(tmp_path.iterdir()) == []


def test_reading_an_empty_database_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    assert "holds no studies" in refusal(f"sqlite:///{path}")
    assert path.stat().st_size == 0


def test_empty_file_becomes_a_database(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "empty.db").touch()
    opened(f"sqlite:///{tmp_path / 'empty.db'}", create=True)
    opened(f"sqlite:///{tmp_path / 'empty.db'}")


def test_reading_an_empty_postgres_database_changes_nothing(
    postgres_url: str, opened: Opened
) -> None:
    assert "holds no studies" in refusal(postgres_url)
    assert "holds no studies" in refusal(postgres_url)


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


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_postgres_is_spoken_to_through_psycopg(
    postgres_url: str, opened: Opened, scheme: str
) -> None:
    store = opened(postgres_url.replace("postgresql+psycopg", scheme, 1), create=True)
    assert store.engine.driver == "psycopg"


def test_postgres_password_may_hold_anything_and_is_not_in_the_name(
    postgres_url: str, opened: Opened
) -> None:
    # The server trusts its socket and takes any password.
    for password in ("a{b}c", "{0}", quote("100%@/:?#", safe="")):
        url = postgres_url.replace("postgres:@", f"postgres:{password}@")
        store = opened(url, create=True)
        assert "postgres:***@" in store.name
        assert password not in store.name


def test_postgres_password_in_the_query_is_not_in_the_name(
    postgres_url: str, opened: Opened
) -> None:
    assert "hunter2" not in opened(f"{postgres_url}&password=hunter2", create=True).name


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


def test_eight_processes_may_start_at_once_on_nothing(url: str, opened: Opened) -> None:
    assert run_at_once(open_new, 8, url) == ["opened"] * 8
    with opened(url).engine.connect() as connection:
        assert connection.execute(select(schema_table)).all() == [(SCHEMA_VERSION,)]
        assert connection.scalar(text("SELECT count(*) FROM version_info")) == 1


def test_a_worker_that_makes_the_tables_holds_two_connections_and_the_lock(
    url: str, opened: Opened
) -> None:
    held: set[int] = set()
    counts = [0]

    def connect(connection: Any, record: Any) -> None:
        held.add(id(connection))
        counts.append(len(held))

    def close(connection: Any, record: Any) -> None:
        held.discard(id(connection))

    event.listen(Pool, "connect", connect)
    event.listen(Pool, "close", close)
    try:
        store = opened(url, create=True)
        optuna.create_study(study_name="one", storage=store.optuna).ask()
    finally:
        event.remove(Pool, "connect", connect)
        event.remove(Pool, "close", close)
    # On SQLite the lock is a file.
    assert 1 <= max(counts) <= (2 if url.startswith("sqlite") else 3)


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
