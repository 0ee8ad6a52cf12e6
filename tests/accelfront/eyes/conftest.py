from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database.opening import Store, open_store
from tests.accelfront.eyes.made import a_study, keep_with_pictures
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of one study, with the pictures that it kept; to be copied."""
    folder = tmp_path_factory.mktemp("eyes")
    store = open_store(f"sqlite:///{folder}/a.db", create=True)
    keep_with_pictures(store, a_study())
    store.engine.dispose()
    return folder


@pytest.fixture
def url(folder: Path, tmp_path: Path) -> str:
    """A database of one study that kept pictures."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return f"sqlite:///{tmp_path}/a.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.engine.dispose()
