"""Claims: who measures which point of a study. Unique, so that no point is measured twice."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

import psutil
from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from storage.schema import claims


@dataclass(frozen=True)
class Claim:
    """A point that a worker has taken; kept for good once the point is measured."""

    point: str
    trial_number: int
    host: str
    pid: int
    process_start: float

    def is_orphaned(self) -> bool:
        """Whether its worker ran on this host and is gone; False for a worker elsewhere."""
        if self.host != socket.gethostname():
            return False
        try:
            process = psutil.Process(self.pid)
            started = process.create_time()
            if process.status() == psutil.STATUS_ZOMBIE:
                # Killed, and its parent has not asked how it ended.
                return True
        except psutil.NoSuchProcess:
            return True
        # Another process may have got the number since.
        return abs(started - self.process_start) > 1.0


def claim(engine: Engine, study_id: int, point: str, trial_number: int) -> bool:
    """Take a point for this process.

    Returns:
        False if the point is taken or measured already.
    """
    row = insert(claims).values(
        study_id=study_id,
        point=point,
        trial_number=trial_number,
        host=socket.gethostname(),
        pid=os.getpid(),
        process_start=psutil.Process().create_time(),
    )
    try:
        with engine.begin() as connection:
            connection.execute(row)
    except IntegrityError:
        return False
    return True


def release(engine: Engine, study_id: int, trial_number: int) -> None:
    """Give the point of a trial back; nothing happens if it holds none."""
    with engine.begin() as connection:
        connection.execute(
            delete(claims).where(
                claims.c.study_id == study_id, claims.c.trial_number == trial_number
            )
        )


def list_claims(engine: Engine, study_id: int) -> list[Claim]:
    """All points of a study that are taken or measured."""
    columns = (
        claims.c.point, claims.c.trial_number, claims.c.host, claims.c.pid, claims.c.process_start,
    )  # fmt: skip
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).where(claims.c.study_id == study_id))
        return [Claim(*row) for row in rows]
