"""Claims: who measures which point of a study. Unique, so that no point is measured twice."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import Engine, Select, and_, delete, func, insert, literal, or_, select
from sqlalchemy.exc import IntegrityError

from storage.database.processes import (
    BOOT,
    CLOCK_S,
    Started,
    by_clock,
    since_boot,
    this_boot,
    this_host,
)
from storage.database.schema import claims, serialize
from storage.study_store.attributes import DUPLICATE_OF
from storage.study_store.rows import ATTRIBUTES, TRIALS

IDENTITY = ("study_id", "point", "trial_number", "host", "pid")
"""The columns that identify the owner of a claim."""


@dataclass(frozen=True)
class Claim:
    """A point that a worker has taken; kept for good once the point is measured."""

    point: str
    trial_number: int
    # Clock ticks since the boot if `boot` is known, otherwise seconds by the clock.
    host: str
    pid: int
    process_start: float

    def is_own(self) -> bool:
        """Whether this process holds it."""
        return self._is_here() and self.pid == os.getpid() and not self.is_orphaned()

    def is_orphaned(self) -> bool:
        """Whether its worker ran on this host and is gone; False for a worker elsewhere."""
        return self._is_here() and self._process() is None

    def runs_here(self) -> bool:
        """Whether its worker's process is on this host, at work or suspended."""
        return self._is_here() and self._process() is not None

    def is_working(self) -> bool:
        """Whether its worker runs on this host, whatever the clocks say; False if it may not."""
        process = self._process() if self._is_here() else None
        return process is not None and process.works

    def _is_here(self) -> bool:
        return self.host.partition(BOOT)[0] == this_host()

    def _process(self) -> Started | None:
        """The worker's process, if it is on this host; None if it is gone."""
        boot = self.host.partition(BOOT)[2]
        if boot and boot != this_boot():
            return None
        process = since_boot(self.pid) if boot else by_clock(self.pid)
        # Another process may have got the number since.
        apart = 0.0 if process is None else abs(process.at - self.process_start)
        return process if apart <= (0 if boot else CLOCK_S) else None


def this_process() -> dict[str, Any]:
    """The columns that identify this process."""
    boot, pid = this_boot(), os.getpid()
    process = since_boot(pid) if boot else by_clock(pid)
    assert process is not None  # This process asks.
    host = f"{this_host()}{BOOT}{boot}" if boot else this_host()
    return {"host": host, "pid": pid, "process_start": process.at}


def claim(
    engine: Engine, study_id: int, point: str, trial_number: int, limit: int | None = None
) -> bool:
    """Take a point for this process; may be repeated if a try may or may not have succeeded.

    Args:
        engine: An open database.
        study_id: Optuna's number of the study.
        point: The point's key.
        trial_number: The number of the trial that is to measure it.
        limit: How many claims may take a place of the study in the end; None means any number.

    Returns:
        False if the point is taken or measured already, or no place is left.
    """
    values = {
        "study_id": study_id,
        "point": point,
        "trial_number": trial_number,
        **this_process(),
    }
    row = select(*(literal(value, claims.c[name].type) for name, value in values.items()))
    if limit is not None:
        places = select(func.count()).where(
            claims.c.study_id == study_id, claims.c.trial_number.not_in(_placeless(study_id))
        )
        row = row.where(places.scalar_subquery() < limit)
    try:
        with engine.begin() as connection:
            # Two processes that count at once would both find room for one.
            serialize(connection, study_id)
            taken = insert(claims).from_select(list(values), row).returning(claims.c.id)
            return connection.scalar(taken) is not None
    except IntegrityError:
        # Taken, perhaps by an earlier try of ours.
        own = select(claims.c.id).where(*(claims.c[name] == values[name] for name in IDENTITY))
        with engine.connect() as connection:
            return connection.scalar(own) is not None


def _placeless(study_id: int) -> Select[tuple[int]]:
    """The numbers of a study's trials that take no place: given up, failed, or repeats of a point.

    This is part of the claim's own statement. Otherwise a remeasurement that ends, or a point that
    comes back, between the count and the claim would make room for one too many.
    """
    repeats = and_(ATTRIBUTES.c.trial_id == TRIALS.c.trial_id, ATTRIBUTES.c.key == DUPLICATE_OF)
    without = TRIALS.c.state.in_((TrialState.PRUNED, TrialState.FAIL))
    return (
        select(TRIALS.c.number)
        .outerjoin_from(TRIALS, ATTRIBUTES, repeats)
        .where(TRIALS.c.study_id == study_id, or_(without, ATTRIBUTES.c.trial_id.is_not(None)))
    )


def release(engine: Engine, study_id: int, trial_number: int, point: str | None = None) -> None:
    """Give a trial's point back; nothing happens if it holds none.

    Args:
        engine: An open database.
        study_id: Optuna's number of the study.
        trial_number: The number of the trial.
        point: The point's key; None means whatever the trial holds.
    """
    held = [claims.c.study_id == study_id, claims.c.trial_number == trial_number]
    if point is not None:
        held.append(claims.c.point == point)
    with engine.begin() as connection:
        connection.execute(delete(claims).where(*held))


def list_claims(engine: Engine, study_id: int) -> list[Claim]:
    """All points of a study that are taken or measured."""
    columns = (
        claims.c.point, claims.c.trial_number, claims.c.host, claims.c.pid, claims.c.process_start,
    )  # fmt: skip
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).where(claims.c.study_id == study_id))
        return [Claim(*row) for row in rows]
