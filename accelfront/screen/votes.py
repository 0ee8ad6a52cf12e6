"""People's votes on pictures, in words."""

from __future__ import annotations

from storage.reading.votes import BASELINE
from storage.records.conclusions.win_rate import WinRate
from storage.records.study import Study
from storage.records.trial import Trial

VOTES = "votes: how often people preferred its pictures to the baseline's, a tie as half"


def votes_text(study: Study, trial: Trial) -> str:
    """How people liked a point's pictures, a line for each rival; empty without votes."""
    rates = study.votes.get(trial.number, {})
    return "\n".join(
        f"votes {_short(rate)}{_against(study, rival)}" for rival, rate in rates.items()
    )


def rival_name(study: Study, rival: str) -> str:
    """A rival in words, without its study if that is the same."""
    if rival == BASELINE:
        return "the baseline"
    name, _, number = rival.rpartition("/")
    return f"trial {number}" if name == study.name else rival


def _short(rate: WinRate) -> str:
    low, high = rate.interval
    return f"{rate.value:.0%} {100 * low:.0f}..{100 * high:.0f}"


def _against(study: Study, rival: str) -> str:
    return "" if rival == BASELINE else f" against {rival_name(study, rival)}"
