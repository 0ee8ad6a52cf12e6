"""How often people preferred a point's picture, without knowing which was which."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

CONFIDENCE = 0.95


class WinRate(NamedTuple):
    """Votes on pictures of a point against those of one rival.

    A tie counts as half a win, as Dixon and Mood split them: "The statistical sign test", Journal
    of the American Statistical Association 41 (1946).

    Attributes:
        wins: How often its picture was preferred.
        ties: How often neither was.
        losses: How often the rival's was.
    """

    wins: int
    ties: int
    losses: int

    @property
    def votes(self) -> int:
        """All of them; at least one."""
        return self.wins + self.ties + self.losses

    @property
    def value(self) -> float:
        """The share of the votes that it won, 0 to 1."""
        return (self.wins + self.ties / 2) / self.votes

    @property
    def interval(self) -> tuple[float, float]:
        """Its score interval at 95%, which stays inside 0 to 1 and is sound for few votes.

        Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
        the American Statistical Association 22 (1927). Votes are taken as independent. Ties vary
        less than wins and losses, so with ties it is too wide rather than too narrow.
        """
        z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
        weight = z**2 / self.votes
        middle = (self.value + weight / 2) / (1 + weight)
        spread = self.value * (1 - self.value) / self.votes + (weight / (2 * z)) ** 2
        reach = z * sqrt(spread) / (1 + weight)
        return max(0.0, middle - reach), min(1.0, middle + reach)

    @property
    def in_words(self) -> str:
        """Such as `60% (31% to 83%) of 10 votes`."""
        low, high = self.interval
        votes = "vote" if self.votes == 1 else "votes"
        return f"{self.value:.0%} ({low:.0%} to {high:.0%}) of {self.votes} {votes}"

    def as_json(self) -> dict[str, Any]:
        """Its fields, for `front --json`."""
        ends = [round(end, 6) for end in self.interval]
        return {**self._asdict(), "win_rate": round(self.value, 6), "win_rate_ci": ends}
