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


def read_votes_file(text: str, name: str) -> VotesFile:
    """Read the text of a file of votes.

    Args:
        text: The text.
        name: The file's name, for people.

    Raises:
        InputError: If it is no such file.
    """
    try:
        return VotesFile.model_validate_json(text)
    except ValidationError as error:
        raise InputError(
            f"{name} is no file of votes; name one that was saved on a page of `accelfront compare "
            "--blind --out`"
        ) from error


def filed_votes(store: Store, given: VotesFile, read: Read) -> FiledVotes:
    """Find the pair that a file compares, and take its votes.

    Args:
        store: Holds its trials.
        given: The file's contents.
        read: Reads the store.

    Raises:
        InputError: If its trials are not there.
        StorageError: If their study is not there.
    """
    pair = (given.trial, None) if given.rival == BASELINE else (given.rival, given.trial)
    couple = find_couple(read, *pair)
    return FiledVotes(couple, [vote_of(store, couple, given.voter, each) for each in given.votes])
