"""Votes that a person saved on a blind page that nobody served."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import ValidationError

from accelfront.eyes.ballot import VotesFile, vote_of
from accelfront.eyes.sides import Couple, Read, find_couple
from objectives.errors import InputError
from storage.database.opening import Store
from storage.database.votes import Vote
from storage.reading.votes import BASELINE


class FiledVotes(NamedTuple):
    """The contents of a file.

    Attributes:
        couple: The two that were compared.
        votes: The votes, in the order in which they were given.
    """

    couple: Couple
    votes: list[Vote]


def filed_votes(store: Store, text: str, name: str, read: Read) -> FiledVotes:
    """Read a file of votes.

    Args:
        store: Holds its trials.
        text: The file's text.
        name: Its name, for people.
        read: Reads the store.

    Raises:
        InputError: If it is none, or its trials are not there.
        StorageError: If their study is not there.
    """
    try:
        given = VotesFile.model_validate_json(text)
    except ValidationError as error:
        raise InputError(
            f"{name} is no file of votes; name one that was saved on a page of `accelfront compare "
            "--blind --out`"
        ) from error
    pair = (given.trial, None) if given.rival == BASELINE else (given.rival, given.trial)
    couple = find_couple(read, *pair)
    return FiledVotes(couple, [vote_of(store, couple, given.voter, each) for each in given.votes])
