"""Databases that are opened, and what they hold then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
import pytest
from sqlalchemy import Pool, event, inspect, select, text

from storage.database.opening import Store, open_store
from storage.database.schema import SCHEMA_VERSION, baselines, claims, schema_table
from storage.errors import StorageError
from tests.storage.database.refusals import refusal
from tests.storage.study_store.workers import open_new, run_at_once

Opened = Callable[..., Store]


def make_study(store: Store, name: str) -> optuna.Study:
    return optuna.create_study(
        study_name=name, storage=store.optuna, directions=["maximize", "minimize"]
    )


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
