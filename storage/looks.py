"""Second looks: measured points that were timed again, or confirmed on unseen prompts.

A second look is a trial of its own that repeats a point, so it counts nothing; what it found is
joined to the point's first trial here. One that timed a point again holds the quieter measurement.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy import Engine, Table, select

if TYPE_CHECKING:
    from storage.records import TrialRecord

Look = Literal["timed again", "confirmed"]

LOOK = "look"
"""In the measurement of a second look: which one it is."""

SecondLook = tuple[int, Mapping[str, Any]]
"""The number of the point's first trial, and what was measured."""


def read_looks(engine: Engine, study_ids: Collection[int]) -> dict[int, list[SecondLook]]:
    """The second looks of studies: by study, then by number."""
    trials: Table = models.TrialModel.__table__
    first, measured = (models.TrialUserAttributeModel.__table__.alias() for _ in range(2))
    wanted = (
        select(trials.c.study_id, first.c.value_json, measured.c.value_json)
        .join(first, first.c.trial_id == trials.c.trial_id)
        .join(measured, measured.c.trial_id == trials.c.trial_id)
        # One under way, or of a dead worker, is none.
        .where(trials.c.study_id.in_(study_ids), trials.c.state == TrialState.PRUNED)
        .where(first.c.key == "duplicate_of", measured.c.key == "measurement")
        .order_by(trials.c.study_id, trials.c.number)
    )
    found: dict[int, list[SecondLook]] = {study_id: [] for study_id in study_ids}
    with engine.connect() as connection:
        for study_id, number, content in connection.execute(wanted).all():
            found[study_id].append((json.loads(number), json.loads(content)))
    return found


def join_looks(trials: Sequence[TrialRecord], looks: Iterable[SecondLook]) -> list[TrialRecord]:
    """Join second looks to the points that they looked at.

    Args:
        trials: Points.
        looks: Of two alike the first counts.
    """
    by_number = {trial.number: trial for trial in trials}
    for number, measured in looks:
        trial = by_number.get(number)
        if trial is None:
            continue
        if measured[LOOK] == "confirmed":
            if trial.confirmed is None:
                by_number[number] = replace(trial, confirmed=measured)
        elif not trial.timed_again:
            by_number[number] = replace(
                trial, speedup=measured["speedup"], measurement=measured, timed_again=True
            )
    return list(by_number.values())
