from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import inspect

from storage.database.imported_points import keep_imported_points, read_imported_points
from storage.database.opening import Store
from storage.database.schema import imported_points
from tests.made_records import made_combination

COMBINATION = made_combination("tome")

FIRST, SECOND, THIRD = (
    {"tome.ratio": ratio, "tome.max_downsample": 1} for ratio in (0.5, 0.1, 0.3)
)


def test_points_read_back_in_the_order_in_which_they_came(store: Store) -> None:
    assert keep_imported_points(store.engine, COMBINATION, [SECOND, FIRST]) == 2
    assert keep_imported_points(store.engine, COMBINATION, [THIRD]) == 1
    assert read_imported_points(store.engine, COMBINATION) == [SECOND, FIRST, THIRD]
    assert isinstance(
        read_imported_points(store.engine, COMBINATION)[0]["tome.max_downsample"], int
    )


def test_a_point_is_kept_once(store: Store) -> None:
    assert keep_imported_points(store.engine, COMBINATION, [FIRST, FIRST]) == 1
    assert keep_imported_points(store.engine, COMBINATION, [FIRST, SECOND]) == 1
    assert read_imported_points(store.engine, COMBINATION) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "change",
    [{"pipeline": "SD1.5"}, {"scheduler": "UniPC"}, {"steps": 21}, {"methods": ("tgate",)}],
)
def test_points_belong_to_one_combination(store: Store, change: dict[str, object]) -> None:
    keep_imported_points(store.engine, COMBINATION, [FIRST])
    assert read_imported_points(store.engine, COMBINATION.model_copy(update=change)) == []


def test_a_database_of_an_earlier_release_gets_the_table_when_it_is_written_to(
    url: str, opened: Callable[..., Store]
) -> None:
    earlier = opened(url, create=True)
    imported_points.drop(earlier.engine)
    earlier.engine.dispose()
    reader = opened(url)
    assert not inspect(reader.engine).has_table(imported_points.name)
    store = opened(url, create=True)
    assert keep_imported_points(store.engine, COMBINATION, [FIRST]) == 1
    assert read_imported_points(opened(url).engine, COMBINATION) == [FIRST]
