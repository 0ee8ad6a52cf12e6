"""Win rates from people's votes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from storage.database.votes import Vote, Winner
from storage.records.conclusions.win_rate import WinRate
from storage.records.trial import trial_key

BASELINE = "baseline"
"""Name of the unaccelerated pipeline of a trial's study among its rivals."""

WinRates = dict[int, dict[str, WinRate]]
"""By a trial's number, then by its rival: `baseline`, or the `trial_key` of a trial."""

OTHER_SIDE: dict[Winner, Winner] = {"trial": "rival", "rival": "trial"}


class _Drawn(NamedTuple):
    """Whose pictures they are; a baseline has no number."""

    study_id: int
    number: int | None


def counting(votes: Iterable[Vote]) -> list[Vote]:
    """The votes that count: a person's last vote on a pair, unless it withdraws.

    Args:
        votes: In the order in which they were given.
    """
    last: dict[tuple[frozenset[_Drawn], int, str], Vote] = {}
    for vote in votes:
        last[frozenset(_sides(vote)), vote.pair, vote.voter] = vote
    return [vote for vote in last.values() if vote.winner != "withdrawn"]


def win_rates(votes: Iterable[Vote], names: Mapping[int, str]) -> dict[int, WinRates]:
    """Count votes, by the studies' numbers.

    Args:
        votes: In the order in which they were given.
        names: The names of studies; votes on others do not count.
    """
    counts: dict[tuple[_Drawn, _Drawn], Counter[Winner]] = {}
    for vote in counting(votes):
        one, other = _sides(vote)
        turned = OTHER_SIDE.get(vote.winner, vote.winner)
        for sides, winner in {(one, other): vote.winner, (other, one): turned}.items():
            counts.setdefault(sides, Counter())[winner] += 1
    found: dict[int, WinRates] = {}
    for (one, other), count in sorted(counts.items(), key=lambda item: _place(*item[0])):
        rate = WinRate(count["trial"], count["neither"], count["rival"])
        if one.number is None:
            continue
        if one.study_id in names and other.study_id in names:
            of_trial = found.setdefault(one.study_id, {}).setdefault(one.number, {})
            of_trial[_rival(other, names)] = rate
    return found


def _sides(vote: Vote) -> tuple[_Drawn, _Drawn]:
    one = _Drawn(vote.study_id, vote.trial_number)
    return one, _Drawn(vote.rival_study_id, vote.rival_trial_number)


def _rival(other: _Drawn, names: Mapping[int, str]) -> str:
    return BASELINE if other.number is None else trial_key(names[other.study_id], other.number)


def _place(one: _Drawn, other: _Drawn) -> tuple[int, ...]:
    """A sort key: by trial, with the baseline before the trial's other rivals."""
    return *_numbers(one), *_numbers(other)


def _numbers(drawn: _Drawn) -> tuple[int, int]:
    return drawn.study_id, -1 if drawn.number is None else drawn.number
