from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from storage.database.opening import Store
from storage.database.schema import scripts
from storage.database.scripts import ScriptRecord, keep_script, read_scripts
from storage.errors import StorageError

SCRIPT = ScriptRecord(
    task="用DeepCache加速tiny-shapes", study="a--study", trial=7, sha256="0f" * 32, path="/a/b.py"
)


def test_a_script_reads_back_with_every_task_that_got_it(store: Store) -> None:
    other_task = replace(SCRIPT, task="tiny-shapes, deepcache")
    for record in (SCRIPT, other_task, replace(SCRIPT, sha256="1f" * 32)):
        keep_script(store.engine, record)
    assert read_scripts(store.engine, SCRIPT.sha256) == [SCRIPT, other_task]


def test_a_database_of_an_earlier_release_gets_the_table_with_its_first_script(
    url: str, opened: Callable[..., Store]
) -> None:
    earlier = opened(url, create=True)
    scripts.drop(earlier.engine)
    earlier.engine.dispose()
    store = opened(url)
    keep_script(store.engine, SCRIPT)
    assert read_scripts(store.engine, SCRIPT.sha256) == [SCRIPT]


def test_a_storage_that_takes_no_script_is_told_in_one_line(
    sqlite_url: str, opened: Callable[..., Store]
) -> None:
    store = opened(sqlite_url, create=True)
    refuse = "BEFORE INSERT ON accelfront_scripts BEGIN SELECT RAISE(FAIL, 'the disk is full'); END"
    with store.engine.begin() as connection:
        connection.execute(text(f"CREATE TRIGGER full {refuse}"))
    with pytest.raises(
        StorageError, match="could not be recorded in the storage: the disk is full"
    ):
        keep_script(store.engine, SCRIPT)
