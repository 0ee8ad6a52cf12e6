"""The blind page: pairs of pictures in a random order, and the votes that people cast there."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from accelfront.eyes.kept import Kept
from accelfront.eyes.page import render
from accelfront.eyes.sides import Couple
from accelfront.eyes.sides import Side as Shown
from accelfront.report.pictures import address
from objectives.quality.picture_grid import MAX_PICTURES
from storage.database.opening import Store
from storage.database.votes import MOST_CHARACTERS, Side, Vote, Winner

Format = Literal["accelfront votes 1"]

(FORMAT,) = get_args(Format)

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Range of a vote's time: at the ends of the calendar it may not convert to other time zones."""

Voter = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=MOST_CHARACTERS,
        strip_whitespace=True,
        # No control characters, as Postgres does not accept all of them.
        pattern=r"^[^\x00-\x1f\x7f]+$",
    ),
]


class Cast(BaseModel):
    """A vote as the page makes it.

    Attributes:
        pair: The index of the pair among those that are kept.
        shown_first: Whose picture was the first one.
        winner: Whose picture was chosen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair: int = Field(ge=0, lt=MAX_PICTURES)
    shown_first: Side
    winner: Winner


class Posted(Cast):
    """A vote as the page sends it.

    Attributes:
        voter: The person's name.
    """

    voter: Voter


class Filed(Cast):
    """A vote as a file holds it.

    Attributes:
        voted_at: Time of the vote.
    """

    voted_at: AwareDatetime = Field(ge=EARLIEST, lt=LATEST)


class VotesFile(BaseModel):
    """The file that the page gives to a person if nobody serves it.

    Attributes:
        format: The format's name.
        trial: Whose pictures were seen: its study's name, a slash and its number.
        rival: The same for the other one; `baseline` is that of the trial.
        voter: The person's name.
        votes: In the order in which they were given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Format
    trial: str
    rival: str
    voter: Voter
    votes: list[Filed]


class Place(NamedTuple):
    """The position of a pair on a page.

    Attributes:
        pair: Its index among those that are kept.
        shown_first: Whose picture is the first one.
    """

    pair: int
    shown_first: Side


def shuffled(pairs: int, seed: str) -> list[Place]:
    """Return a random order of pairs, and of the pictures of each.

    Each pair draws from its own random stream, so that a further pair changes no other one's sides.

    Args:
        pairs: How many there are.
        seed: Determines the order.
    """
    sides: tuple[Side, Side] = ("trial", "rival")
    order = sorted(range(pairs), key=lambda pair: Random(f"{seed}/place/{pair}").random())
    return [Place(pair, Random(f"{seed}/side/{pair}").choice(sides)) for pair in order]


def render_ballot(couple: Couple, kept: Kept, seed: str, post: str = "", nonce: str = "") -> str:
    """Write the page.

    Args:
        couple: The two to compare: the second is the trial, the first its rival.
        kept: Their pictures.
        seed: Determines the order.
        post: The address that takes votes; empty makes the page offer a file.
        nonce: Marks its script and its style, so that a server may allow no others.
    """
    rival_sheet, trial_sheet = kept.sheets
    pairs = []
    for pair, shown_first in shuffled(kept.pairs, seed):
        pictures = [address(sheet.picture(pair)) for sheet in (trial_sheet, rival_sheet)]
        ordered = pictures if shown_first == "trial" else pictures[::-1]
        prompt = kept.notes[pair][0] if pair < len(kept.notes) else ""
        place = {"pair": pair, "shown_first": shown_first}
        pairs.append({**place, "pictures": ordered, "prompt": prompt})
    data = {
        "pairs": pairs,
        "names": {"trial": couple.labels[1], "rival": couple.labels[0]},
        "post": post,
        "file": {"format": FORMAT, "trial": couple.second.key, "rival": couple.first.key},
    }
    shown = {"data": data, "aspect": kept.aspect, "longest_name": MOST_CHARACTERS, "nonce": nonce}
    return render("blind.html.jinja", shown)


def vote_of(store: Store, couple: Couple, voter: str, cast: Cast) -> Vote:
    """A vote on a couple, as the storage keeps it."""
    assert couple.second.trial is not None  # The second is never a baseline.
    return Vote(
        study_id=_study_id(store, couple.second),
        trial_number=couple.second.trial.number,
        rival_study_id=_study_id(store, couple.first),
        rival_trial_number=None if couple.first.trial is None else couple.first.trial.number,
        pair=cast.pair,
        shown_first=cast.shown_first,
        winner=cast.winner,
        voter=voter,
        voted_at=cast.voted_at.astimezone(UTC).replace(tzinfo=None)
        if isinstance(cast, Filed)
        else None,
    )


def _study_id(store: Store, side: Shown) -> int:
    return store.optuna.get_study_id_from_name(side.study.name)
