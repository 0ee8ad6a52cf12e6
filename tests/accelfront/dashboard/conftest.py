from __future__ import annotations

from collections.abc import Iterator

import optuna
import pytest
import torch

from objectives.quality.picture_grid import PictureGrid
from storage.database.opening import open_store
from storage.study_store.artifacts import artifact_folder, keep_picture
from storage.study_store.attributes import FEASIBLE, MEASUREMENT, POINT
from tests.accelfront.dashboard.servers import MEASURED, Server, start_dashboard


@pytest.fixture(scope="module")
def grid() -> bytes:
    pictures = PictureGrid()
    pictures.add(range(4), torch.full((4, 3, 64, 64), 0.2), torch.full((4, 3, 64, 64), 0.8))
    content = pictures.webp()
    assert content is not None
    return content


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory, grid: bytes) -> str:
    """A study with one trial inside its loss budget and one outside, each with its grid."""
    url = f"sqlite:///{tmp_path_factory.mktemp('dashboard')}/a.db"
    store = open_store(url, create=True)
    study = optuna.create_study(
        study_name="a-study", storage=store.optuna, directions=["maximize", "minimize"]
    )
    for loss in (0.01, 0.5):
        trial = study.ask()
        trial.set_user_attr(FEASIBLE, loss <= 0.02)
        trial.set_user_attr(POINT, {"cache_interval": 2})
        trial.set_user_attr(MEASUREMENT, MEASURED)
        trial.set_constraint("clip_loss", loss - 0.02)
        keep_picture(artifact_folder(store), trial, "grid.webp", grid)
        study.tell(trial, [2 + loss, loss])
    store.engine.dispose()
    return url


@pytest.fixture(scope="module")
def server(storage: str) -> Iterator[Server]:
    process = start_dashboard(storage)
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    yield Server(address, process)
    process.kill()
    process.communicate()
