"""Votes: which of two pictures a person preferred. Each stays as it was given."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Engine, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from storage.database.faults import reason
from storage.database.schema import add_missing_tables, votes
from storage.errors import StorageError

Side = Literal["trial", "rival"]

Winner = Literal["trial", "rival", "neither", "withdrawn"]
"""Whose picture was chosen; an undone vote is followed by one that withdraws it."""

MOST_CHARACTERS = 80
"""Longest name of a voter, in characters."""


@dataclass(frozen=True)
class Vote:
    """One person's choice between two pictures of the same prompt.

    Attributes:
        study_id: Optuna's number of the trial's study.
        trial_number: The trial.
        rival_study_id: Optuna's number of the rival's study.
        rival_trial_number: The rival; None is the unaccelerated pipeline of the trial's study.
        pair: The index of the pair among those that are kept.
        shown_first: Whose picture was on the left, or on top.
        winner: What the person chose.
        voter: The person's name.
        voted_at: UTC time of the vote; None, until it is kept, means now.
    """

    study_id: int
    trial_number: int
    rival_study_id: int
    rival_trial_number: int | None
    pair: int
    shown_first: Side
    winner: Winner
    voter: str
    voted_at: datetime | None = None

    @property
    def row(self) -> dict[str, Any]:
        """Its columns; the database fills in the time if there is none."""
        return {name: value for name, value in asdict(self).items() if name != "voted_at" or value}


def require_room_for_votes(engine: Engine, name: str) -> None:
    """Raise StorageError if a database takes no votes.

    Args:
        engine: A database of ours, perhaps of an earlier release.
        name: The database's name, for people.
    """
    try:
        add_missing_tables(engine)
        with engine.connect() as connection:
            # The connection rolls it back.
            connection.execute(insert(votes).values(_ANY.row))
    except DBAPIError as error:
        raise StorageError(
            f"{name} takes no votes: {reason(error)}; with --out FILE the page keeps a "
            "file for each voter"
        ) from error


def keep_votes(engine: Engine, given: Iterable[Vote]) -> None:
    """Add votes to the database: all of them or, if one is refused, none.

    Args:
        engine: A database that has the table.
        given: The votes.

    Raises:
        StorageError: If the database does not take them.
    """
    try:
        with engine.begin() as connection:
            for vote in given:
                connection.execute(insert(votes).values(vote.row))
    except DBAPIError as error:
        raise StorageError(f"the vote could not be kept: {reason(error)}") from error


def read_votes(engine: Engine, study_ids: Collection[int]) -> list[Vote]:
    """The votes on trials of some studies, as trials or as rivals, oldest first.

    Args:
        engine: Any database of ours; one of an earlier release may lack the table.
        study_ids: Optuna's numbers of the studies.
    """
    if not inspect(engine).has_table(votes.name):
        return []
    columns = (votes.c[name] for name in Vote.__annotations__)
    about = votes.c.study_id.in_(study_ids) | votes.c.rival_study_id.in_(study_ids)
    wanted = select(*columns).where(about).order_by(votes.c.id)
    with engine.connect() as connection:
        found = [Vote(*row) for row in connection.execute(wanted)]
    # Anybody can write to a database.
    return [vote for vote in found if vote.winner in get_args(Winner)]


_ANY = Vote(0, 0, 0, None, 0, "trial", "withdrawn", "")
