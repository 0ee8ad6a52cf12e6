"""Points that failed for reasons of their own.

Their trials keep their claims, so that no later run measures them again with the same versions.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine, and_, select

from storage.database.schema import claims
from storage.records.failure import Failure
from storage.records.shapes import parsed
from storage.study_store.attributes import FAULT, REASON
from storage.study_store.rows import ATTRIBUTES, TRIALS


def read_failures(engine: Engine, study_ids: Collection[int]) -> dict[int, list[Failure]]:
    """What failed for reasons of its own and was not tried again: by study, then by number."""
    fault, reason = ATTRIBUTES.alias(), ATTRIBUTES.alias()
    holds = and_(TRIALS.c.study_id == claims.c.study_id, TRIALS.c.number == claims.c.trial_number)
    wanted = (
        select(claims.c.study_id, TRIALS.c.number, claims.c.point, reason.c.value_json)
        .join(TRIALS, holds)
        .join(fault, and_(fault.c.trial_id == TRIALS.c.trial_id, fault.c.key == FAULT))
        .join(reason, and_(reason.c.trial_id == TRIALS.c.trial_id, reason.c.key == REASON))
        .where(claims.c.study_id.in_(study_ids), TRIALS.c.state == "FAIL")
        .order_by(claims.c.study_id, TRIALS.c.number)
    )
    found: dict[int, list[Failure]] = {study_id: [] for study_id in study_ids}
    with engine.connect() as connection:
        for study_id, number, point, text in connection.execute(wanted):
            found[study_id].append(Failure(number, point, str(parsed(text))))
    return found
