"""The two points to compare, by the names that people give them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from objectives.errors import InputError
from storage.foreign import shown
from storage.reading.votes import BASELINE
from storage.records.conclusions.win_rate import WinRate
from storage.records.study import Study
from storage.records.trial import Trial, trial_key

NUMBER = re.compile(r"[0-9]{1,9}")
"""Most digits of a trial's number; Python does not read thousands of digits."""

Read = Callable[[str | None], list[Study]]
"""Reads the named study, or all of a storage."""


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        study: Its study.
        trial: Its point; None means the unaccelerated pipeline.
    """

    study: Study
    trial: Trial | None

    @property
    def name(self) -> str:
        """Such as `trial 7` or `the baseline`, enough if the study is known."""
        return "the baseline" if self.trial is None else f"trial {self.trial.number}"

    @property
    def title(self) -> str:
        """The same with its study."""
        return f"{self.name} of {self.study.title}"

    @property
    def key(self) -> str:
        """Its name among the rivals of another side."""
        return BASELINE if self.trial is None else trial_key(self.study.name, self.trial.number)


@dataclass(frozen=True)
class Couple:
    """The two sides. If one is a baseline, it is the first one, and of the second's study.

    Attributes:
        first: A.
        second: B.
    """

    first: Side
    second: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both, for loops."""
        return self.first, self.second

    @property
    def are_of_one_study(self) -> bool:
        """Whether their names distinguish them without their studies."""
        return self.first.study.name == self.second.study.name

    @property
    def names(self) -> tuple[str, str]:
        """The names of both in a sentence; of two studies with a letter for each."""
        if self.are_of_one_study:
            return self.first.name, self.second.name
        return f"A ({self.first.name})", f"B ({self.second.name})"

    @property
    def labels(self) -> tuple[str, str]:
        """The same in a table, and next to their pictures."""
        first, second = self.names
        return first.removeprefix("the "), second

    @property
    def title(self) -> str:
        """Both with their studies."""
        if self.are_of_one_study:
            return f"{self.second.name} beside {self.first.title}"
        return f"{self.second.title} beside {self.first.title}"

    @property
    def win_rate(self) -> WinRate | None:
        """How often people preferred the second one's pictures; None without votes."""
        assert self.second.trial is not None
        return self.second.study.votes.get(self.second.trial.number, {}).get(self.first.key)

    @property
    def words(self) -> list[str]:
        """Both as arguments of `accelfront compare`."""
        return [each.key for each in self.sides if each.trial]

    def with_votes_of(self, study: Study) -> Couple:
        """The same couple, with the second one's study as it is now, votes included."""
        return replace(self, second=replace(self.second, study=study))


def find_couple(read: Read, first: str, second: str | None) -> Couple:
    """Find the two to compare.

    Args:
        read: Reads the storage.
        first: A trial: its number after its study's name, label or digest and a slash; the number
            alone if the storage holds one study.
        second: Another one, of the same study if it is a number alone; None compares the first one
            with its baseline.

    Raises:
        InputError: If one is no point that was measured in full, or both are the same.
        StorageError: If there is no such study.
    """
    one = _find(read, first, None)
    if second is None:
        return Couple(Side(one.study, None), one)
    other = _find(read, second, one.study)
    if one.title == other.title:
        raise InputError(f"both are {one.title}; give two trials, or one to see it by its baseline")
    return Couple(one, other)


def _find(read: Read, text: str, usual: Study | None) -> Side:
    name, slash, digits = text.rpartition("/")
    if not NUMBER.fullmatch(digits) or bool(slash) != bool(name):
        raise InputError(f"{shown(text)} names no trial; write STUDY/NUMBER, such as 0a1b2c3d/7")
    study = _only_study(read, digits) if not slash and usual is None else usual
    if slash:
        [study] = read(name)
    assert study is not None
    for trial in study.trials:
        if trial.number == int(digits):
            return Side(study, trial)
    raise InputError(
        f"trial {int(digits)} of {study.name} is no point that was measured in full; "
        f"`accelfront front {study.short_name}` lists the best ones"
    )


def _only_study(read: Read, digits: str) -> Study:
    studies = read(None)
    if len(studies) > 1:
        raise InputError(
            f"{digits} may be a trial of any of {len(studies)} studies; write "
            f"{trial_key('STUDY', digits)}, such as {trial_key(studies[0].name, digits)}"
        )
    return studies[0]
