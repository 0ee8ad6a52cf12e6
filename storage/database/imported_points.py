"""Imported points: points from elsewhere that studies measure before any other.

They belong to a combination rather than to a study: a point that was good under one protocol or on
one device is worth measuring again under any other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Engine, insert, select

from storage.database.schema import imported_points
from storage.records.combination import Combination
from storage.records.points import by_stored_names, by_whole_names
from storage.records.trial import Point


def keep_imported_points(engine: Engine, combination: Combination, points: Sequence[Point]) -> int:
    """Keep points for all studies of a combination, after those that are kept already.

    Args:
        engine: A database that was opened with `create`.
        combination: The combination of the points.
        points: Canonical points.

    Returns:
        How many of them are new.
    """
    known = read_imported_points(engine, combination)
    # The same point may be given twice; a dict keeps each once and in order.
    new = {json.dumps(by_stored_names(point)): None for point in points if point not in known}
    rows = [{"combination": _key(combination), "point": text} for text in new]
    if rows:
        with engine.begin() as connection:
            connection.execute(insert(imported_points), rows)
    return len(rows)


def read_imported_points(engine: Engine, combination: Combination) -> list[Point]:
    """The points kept for a combination, in the order in which they came."""
    wanted = select(imported_points.c.point).where(
        imported_points.c.combination == _key(combination)
    )
    with engine.connect() as connection:
        return [
            by_whole_names(json.loads(text))
            for text in connection.scalars(wanted.order_by(imported_points.c.id))
        ]


def _key(combination: Combination) -> str:
    return json.dumps(combination.as_json(), sort_keys=True)
