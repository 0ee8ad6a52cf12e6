"""What people's votes come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from storage.database.votes import Vote, Winner
from storage.records.conclusions.win_rate import WinRate

BASELINE = "baseline"
"""What the unaccelerated pipeline of a trial's study is called among its rivals."""

WinRates = dict[int, dict[str, WinRate]]
"""By a trial's number, then by its rival: `baseline`, or a study's name, `/` and a number."""

OTHER_SIDE: dict[Winner, Winner] = {"trial": "rival", "rival": "trial"}


class _Drawn(NamedTuple):
    """Whose pictures they are; no number is that of a baseline."""

    study_id: int
    number: int | None


def win_rates(votes: Iterable[Vote], names: Mapping[int, str]) -> dict[int, WinRates]:
    """Count votes, by the studies' numbers.

    Of several votes of one person on one pair the last one counts.

    Args:
        votes: In the order in which they were given.
        names: The names of studies; what is not named here is not counted.
    """
    last: dict[tuple[frozenset[_Drawn], int, str], dict[tuple[_Drawn, _Drawn], Winner]] = {}
    for vote in votes:
        one = _Drawn(vote.study_id, vote.trial_number)
        other = _Drawn(vote.rival_study_id, vote.rival_trial_number)
        turned = OTHER_SIDE.get(vote.winner, vote.winner)
        key = frozenset((one, other)), vote.pair, vote.voter
        last[key] = {(one, other): vote.winner, (other, one): turned}
    counts: dict[tuple[_Drawn, _Drawn], Counter[Winner]] = {}
    for both in last.values():
        for sides, winner in both.items():
            counts.setdefault(sides, Counter())[winner] += 1
    found: dict[int, WinRates] = {}
    for (one, other), count in sorted(counts.items(), key=lambda item: _place(*item[0])):
        rate = WinRate(count["trial"], count["neither"], count["rival"])
        if one.number is None or not rate.votes:
            continue
        if one.study_id in names and other.study_id in names:
            of_trial = found.setdefault(one.study_id, {}).setdefault(one.number, {})
            of_trial[_rival(other, names)] = rate
    return found


def _rival(other: _Drawn, names: Mapping[int, str]) -> str:
    return BASELINE if other.number is None else f"{names[other.study_id]}/{other.number}"


def _place(one: _Drawn, other: _Drawn) -> tuple[int, ...]:
    """In a list: by trials, and of each the baseline before its other rivals."""
    return *_numbers(one), *_numbers(other)


def _numbers(drawn: _Drawn) -> tuple[int, int]:
    return drawn.study_id, -1 if drawn.number is None else drawn.number
