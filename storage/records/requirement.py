"""What a user asks of a point, whether a point serves it, and how far it is from that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, log

from storage.records.budgets import Budgets, Figure
from storage.records.judgement import may_be_used
from storage.records.trial import Trial


@dataclass(frozen=True)
class Requirement:
    """The speed that a user asks for; None asks for nothing.

    Attributes:
        speedup: Least speedup.
        latency_s: Most seconds per picture.
    """

    speedup: float | None = None
    latency_s: float | None = None

    @property
    def in_words(self) -> str:
        """The requirement, such as `2x and 0.5 s per picture`; empty if nothing is asked for."""
        speed = None if self.speedup is None else f"{self.speedup:g}x"
        seconds = None if self.latency_s is None else f"{self.latency_s:g} s per picture"
        return " and ".join(filter(None, [speed, seconds]))

    def share_promised(self, trial: Trial) -> float:
        """The requirement as a share of what a point gives by its intervals; 1 is enough.

        A latency of a single pair has no interval to promise with.
        """
        latency = trial.judged.latency_ci_s
        return self._share(trial.judged.speedup_ci[0], inf if latency is None else latency[1])

    def share_given(self, trial: Trial) -> float:
        """The requirement as a share of what a point gives by its means; 1 is enough."""
        return self._share(trial.judged_speedup, trial.judged.latency_s)

    def _share(self, speedup: float, latency_s: float) -> float:
        return max(
            0.0 if self.speedup is None else self.speedup / speedup,
            0.0 if self.latency_s is None else latency_s / self.latency_s,
        )

    def chance_to_miss(self, trial: Trial) -> float:
        """The chance that a point truly gives less; chances add up at worst, as for budgets."""
        judged, chance = trial.judged, 0.0
        if self.speedup is not None:
            slowest, fastest = judged.speedup_ci
            # In seconds less is better, as in losses.
            speed = Figure(-log(judged.speedup), -log(fastest), -log(slowest))
            chance += 1 - speed.chance_below(-log(self.speedup))
        if self.latency_s is not None:
            shortest, longest = judged.latency_ci_s or (0.0, inf)
            latency = Figure(judged.latency_s, shortest, longest)
            chance += 1 - latency.chance_below(self.latency_s)
        return chance


NOTHING_ASKED = Requirement()
"""A requirement that every point meets."""


def serves(trial: Trial, requirement: Requirement, budgets: Budgets) -> bool:
    """Whether a point may be used for a requirement, and meets it by its intervals.

    Args:
        trial: A measured point.
        requirement: What the user asks for; often nothing.
        budgets: What is allowed.
    """
    return requirement.share_promised(trial) <= 1 and may_be_used(trial, budgets)


def meets(trial: Trial, requirement: Requirement, budgets: Budgets) -> bool:
    """Whether a point ends a search for a requirement; an empty requirement ends none."""
    return requirement != NOTHING_ASKED and serves(trial, requirement, budgets)


def unmet_in_words(trials: Iterable[Trial], requirement: Requirement, budgets: Budgets) -> str:
    """Say that no point surely meets a requirement; empty if one does, or if it is empty."""
    if requirement == NOTHING_ASKED or any(meets(it, requirement, budgets) for it in trials):
        return ""
    return f"not reached: no point is sure to give {requirement.in_words}"
