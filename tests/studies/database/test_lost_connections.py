"""Connections to a Postgres that are lost at any moment of a study, its opening among them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event, make_url

from benchmarks.storage.stub_loader import REQUEST, StubLoader
from storage.database.opening import open_store
from storage.errors import DatabaseFailedError, StorageError
from studies.plan import Plan, make_plan
from studies.run.runner import run_study
from tests.command_line import run
from tests.studies.database.own_server import OwnServer, crash, mortal_server, own_server
from tests.studies.database.test_faults import is_whole
from tests.tiers.covering import taking_turns

__all__ = ["mortal_server", "own_server"]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(replace(REQUEST, methods=("deepcache",), steps=6, trials=4))


@contextmanager
def lost_at_every(count: int, url: str, losses: int) -> Iterator[Callable[[], int]]:
    """Have the server end all connections to a database at every so many statements.

    Yields:
        How often it has done so.
    """
    statements = done = 0
    # In another database, so that it outlives what it ends.
    elsewhere = make_url(url).set(drivername="postgresql", database="postgres")
    admin = psycopg.connect(elsewhere.render_as_string(hide_password=False), autocommit=True)

    def lose(*ignored: Any) -> None:
        nonlocal statements, done
        statements += 1
        if statements % count == 0 and done < losses:
            done += 1
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'"
            )

    event.listen(Engine, "before_cursor_execute", lose)
    try:
        yield lambda: done
    finally:
        event.remove(Engine, "before_cursor_execute", lose)
        admin.close()


@pytest.mark.parametrize("count", taking_turns([5, 7, 11, 16]))
def test_a_worker_outlives_lost_connections_at_any_moment(
    postgres_url: str, plan: Plan, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr("storage.database.retry.MAX_PAUSE_S", 0.05)
    # Opening a new database alone takes more than a hundred statements, all of them in one attempt.
    open_store(postgres_url, create=True).engine.dispose()
    told: list[str] = []
    with lost_at_every(count, postgres_url, losses=20) as lost:
        store = open_store(postgres_url, create=True, tell=told.append)
        outcome = run_study(
            plan, store, lambda progress: told.append(progress.stage), StubLoader(lambda: None)
        )
    assert lost() == 20
    assert any("does not answer" in line for line in told)
    assert is_whole(outcome.study, wanted=4)


def test_a_worker_that_is_started_during_a_restart_waits(own_server: OwnServer, plan: Plan) -> None:
    url = own_server.get_uri(driver="psycopg")
    crash(own_server)
    told: list[str] = []
    waiting = threading.Event()

    def tell(words: str) -> None:
        told.append(words)
        waiting.set()

    def start_again() -> None:
        assert waiting.wait(60)
        own_server.ensure_postgres_running()

    starter = threading.Thread(target=start_again)
    starter.start()
    store = open_store(url, create=True, tell=tell)
    starter.join()
    outcome = run_study(plan, store, lambda progress: None, StubLoader(lambda: None))
    assert is_whole(outcome.study, wanted=4)
    assert told[0].startswith("the database does not answer (")


def test_what_is_said_of_a_server_that_stays_away_is_true(
    own_server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.retry.WAIT_S", 1)
    url = own_server.get_uri(driver="psycopg")
    crash(own_server)
    with pytest.raises(DatabaseFailedError, match=r"did not answer for [1-9] s: ") as waited:
        open_store(url, create=True, tell=lambda words: None)
    with pytest.raises(StorageError, match="does the server run") as at_once:
        open_store(url)
    for error in (waited, at_once):
        assert "is it a database" not in str(error.value) and "\n" not in str(error.value)


def test_a_database_that_does_not_exist_is_not_waited_for(postgres_url: str) -> None:
    told: list[str] = []
    with pytest.raises(StorageError, match="does not exist"):
        open_store(postgres_url.replace("/test_", "/missing_"), create=True, tell=told.append)
    assert told == []


@pytest.mark.parametrize(
    "command",
    [
        ("study", "--methods", "deepcache"),
        ("generate", "tiny-shapes, deepcache, at least 1.2x", "--search-missing"),
    ],
    ids=lambda command: str(command[0]),
)
def test_commands_that_measure_wait_for_a_server_that_is_away(
    command: tuple[str, ...], own_server: OwnServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.retry.WAIT_S", 3)
    url = own_server.get_uri(driver="psycopg")
    crash(own_server)
    answer = run(*command, "--storage", url, cwd=tmp_path)
    # Each try once more would fill the screen.
    first, last = [line for line in answer.stderr.splitlines() if "answer" in line]
    assert first.startswith("the database does not answer (")
    assert first.endswith("; waiting for up to 3 s")
    assert "did not answer for" in last
