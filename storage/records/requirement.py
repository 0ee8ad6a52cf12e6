"""What is asked of a point, and whether one meets it."""

from __future__ import annotations

from dataclasses import dataclass

from storage.records.budgets import Budgets
from storage.records.judgement import SURE
from storage.records.trial import Trial


@dataclass(frozen=True)
class Requirement:
    """What a point must reach for a search to end; None asks for nothing.

    Attributes:
        speedup: Least speedup.
        latency_s: Most seconds per picture.
    """

    speedup: float | None = None
    latency_s: float | None = None


def meets(trial: Trial, requirement: Requirement, budgets: Budgets) -> bool:
    """Whether a point meets a requirement by its interval, almost surely inside all budgets.

    Args:
        trial: A measured point.
        requirement: What is asked for; asking for nothing is never met.
        budgets: What is allowed, which it must keep with a chance of `SURE`.
    """
    if requirement == Requirement():
        return False
    measured = trial.judged
    fast = requirement.speedup is None or measured.speedup_ci[0] >= requirement.speedup
    short = requirement.latency_s is None or (
        # A latency of one pair alone has no interval to promise with.
        measured.latency_ci_s is not None and measured.latency_ci_s[1] <= requirement.latency_s
    )
    return bool(fast and short) and trial.chance_inside(budgets) >= SURE
