from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import pytest

from storage.database.opening import Store, open_store
from studies.request import StudyRequest
from studies.run.measuring import PipelineLoader
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

QUICK = StudyRequest(
    pipeline="tiny-shapes",
    scheduler="DDIM",
    steps=6,
    methods=("deepcache",),
    trials=16,
    num_samples=2,
    batch_size=1,
    device="cpu",
    loss_budget=0.5,
    confirm=False,
)
"""The shipped pipeline, at a size that measures a point within a second."""

MakeRequest = Callable[..., StudyRequest]


@pytest.fixture
def make_request() -> MakeRequest:
    """A quick request, with what is given changed."""

    def make(**changes: object) -> StudyRequest:
        return replace(QUICK, **changes)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def loader() -> PipelineLoader:
    """The pipeline, loaded once for all studies that leave it as it is."""
    return PipelineLoader()


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/a.db"


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without studies; to copy it takes a quarter of the time that making one takes."""
    file = tmp_path_factory.mktemp("empty") / "a.db"
    open_store(f"sqlite:///{file}", create=True).engine.dispose()
    return file


@pytest.fixture
def store(storage_url: str, empty_database: Path) -> Store:
    copyfile(empty_database, storage_url.removeprefix("sqlite:///"))
    return open_store(storage_url)
