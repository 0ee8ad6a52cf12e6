from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage.database.opening import Store
from storage.study_store.artifacts import FOLDER_VARIABLE
from studies.run.compiled_code import VARIABLE, keep_compiled_code


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the environment as it was."""
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE)


def test_compiled_code_stays_beside_the_database(store: Store) -> None:
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    cache_dir()  # Names torch's own folder, as importing its compiler does.
    keep_compiled_code(store)
    database = Path(str(store.engine.url.database))
    assert Path(cache_dir()).parent.parent == database.parent


def test_a_folder_that_machines_share_holds_it_too(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "shared"))
    keep_compiled_code(store)
    assert Path(os.environ[VARIABLE]).parent == tmp_path / "shared"


def test_what_the_user_has_set_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/mine")
    keep_compiled_code(store)
    assert os.environ[VARIABLE] == "/mine"


def test_a_folder_that_cannot_be_made_is_not_used(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the folder's place")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file"))
    keep_compiled_code(store)
    assert VARIABLE not in os.environ
