from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta

from storage.database.opening import Store
from storage.errors import StorageError
from storage.study_store.artifacts import artifact_folder, keep_picture


@pytest.fixture(autouse=True)
def no_folder_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCELFRONT_ARTIFACTS", raising=False)


def start_trial(store: Store) -> optuna.Trial:
    return optuna.create_study(storage=store.optuna).ask()


def test_the_folder_is_beside_a_file_and_for_a_server_in_the_working_folder(
    store: Store, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    beside = tmp_path if url.startswith("sqlite") else elsewhere
    assert artifact_folder(store) == beside / "accelfront-artifacts"


def test_a_folder_given_by_the_environment_wins(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELFRONT_ARTIFACTS", str(tmp_path / "shared"))
    assert artifact_folder(store) == tmp_path / "shared"


def test_a_kept_picture_is_listed_with_its_trial_as_webp(store: Store, tmp_path: Path) -> None:
    trial = start_trial(store)
    keep_picture(tmp_path / "new", trial, "grid.webp", b"RIFF")
    [meta] = get_all_artifact_meta(trial, storage=store.optuna)
    assert (meta.filename, meta.mimetype) == ("grid.webp", "image/webp")
    assert (tmp_path / "new" / meta.artifact_id).read_bytes() == b"RIFF"


def test_where_nothing_can_be_written_the_error_says_where_and_nothing_is_listed(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    trial = start_trial(store)
    with pytest.raises(StorageError, match=r"cannot be kept in .*file/pictures.*ACCELFRONT_ARTI"):
        keep_picture(tmp_path / "file" / "pictures", trial, "grid.webp", b"RIFF")
    assert not get_all_artifact_meta(trial, storage=store.optuna)


def test_of_a_full_disk_no_half_a_picture_stays(store: Store, small_disk: Path) -> None:
    trial = start_trial(store)
    with pytest.raises(StorageError, match="No space left on device"):
        keep_picture(small_disk, trial, "grid.webp", bytes(200_000))
    assert not list(small_disk.iterdir())
    assert not get_all_artifact_meta(trial, storage=store.optuna)
