from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest

from storage.database.opening import Store, open_store
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(scope="session", autouse=True)
def importable_elsewhere() -> Iterator[None]:
    """Processes that a test starts get this one's path, and must find `tests` on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2])
        yield


@pytest.fixture(scope="session", autouse=True)
def quiet_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'studies.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """A place for a database on each of the two servers, with nothing in it yet."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def opened() -> Iterator[Callable[..., Store]]:
    """`open_store`, with the connections closed when the test is over."""
    stores: list[Store] = []

    def remember(url: str, create: bool = False) -> Store:
        stores.append(open_store(url, create))
        return stores[-1]

    yield remember
    for store in stores:
        store.engine.dispose()


@pytest.fixture
def store(url: str, opened: Callable[..., Store]) -> Store:
    return opened(url, create=True)
