"""What is asked of a point, and whether one meets it."""

from __future__ import annotations

from dataclasses import dataclass

from storage.records.study import TrialRecord


@dataclass(frozen=True)
class Requirement:
    """What a point must reach for a search to end; None asks for nothing.

    Attributes:
        speedup: Least speedup.
        latency_s: Most seconds per picture.
    """

    speedup: float | None = None
    latency_s: float | None = None


def meets(trial: TrialRecord, requirement: Requirement, loss_budget: float) -> bool:
    """Whether a point meets a requirement inside the loss budget, by interval and not by luck.

    Args:
        trial: A measured point; a confirmed one is judged by its confirmation.
        requirement: What is asked for; asking for nothing is never met.
        loss_budget: The greatest CLIP loss allowed, which the whole interval must keep.
    """
    if requirement == Requirement():
        return False
    measured = trial.judged
    fast = requirement.speedup is None or measured["speedup_ci"][0] >= requirement.speedup
    short = requirement.latency_s is None or (
        # A latency of one pair alone has no interval to promise with.
        measured["latency_ci_s"] is not None
        and measured["latency_ci_s"][1] <= requirement.latency_s
    )
    good = bool(measured["clip_loss_ci"][1] <= loss_budget)
    return bool(fast and short and good)
