"""Trials of many studies in one query; Optuna's own reading takes a dozen queries a study."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy import Engine, Table, and_, select


class TrialRow(NamedTuple):
    """One trial; attributes are JSON, None where a trial has none."""

    study_id: int
    number: int
    state: TrialState
    speedup: float | None
    clip_loss: float | None
    point: str | None
    measurement: str | None
    duplicate_of: str | None


class StoredMeasurement(Mapping[str, Any]):
    """A measurement that is parsed when it is first looked into: of most trials it never is."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._text)
        return content

    def __getitem__(self, name: str) -> Any:
        return self._content[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)


def read_trials(engine: Engine, study_ids: Collection[int]) -> dict[int, list[TrialRow]]:
    """All trials of the studies: by study, then by number."""
    trials: Table = models.TrialModel.__table__
    columns: list[Any] = [trials.c.study_id, trials.c.number, trials.c.state]
    joined: Any = trials
    for objective in (0, 1):
        values = models.TrialValueModel.__table__.alias()
        on = and_(values.c.trial_id == trials.c.trial_id, values.c.objective == objective)
        joined = joined.outerjoin(values, on)
        columns.append(values.c.value)
    for name in ("point", "measurement", "duplicate_of"):
        attributes = models.TrialUserAttributeModel.__table__.alias()
        on = and_(attributes.c.trial_id == trials.c.trial_id, attributes.c.key == name)
        joined = joined.outerjoin(attributes, on)
        columns.append(attributes.c.value_json)
    wanted = (
        select(*columns)
        .select_from(joined)
        .where(trials.c.study_id.in_(study_ids))
        .order_by(trials.c.study_id, trials.c.number)
    )
    found: dict[int, list[TrialRow]] = {study_id: [] for study_id in study_ids}
    with engine.connect() as connection:
        for row in connection.execute(wanted).all():
            found[row[0]].append(TrialRow._make(row))
    return found
