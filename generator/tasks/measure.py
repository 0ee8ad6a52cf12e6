"""A number of a task with the words that belong to it, before anybody says what it means."""

from __future__ import annotations

from dataclasses import dataclass, field

from generator.tasks.lexer import Token
from generator.tasks.words import Kind
from storage.records.budgets import MEMORY

ROLES = {
    Kind.SPEEDUP: "speedup",
    Kind.FASTER: "speedup",
    Kind.LATENCY: "latency_s",
    Kind.LOSS: "loss_budget",
    Kind.STEPS: "steps",
    Kind.METRIC: "metric",
    Kind.MEMORY: MEMORY,
}
TOPICS = {Kind.TIME: "latency_s", Kind.SPEED: "speedup", Kind.QUALITY: "quality"}
"""Words that say what a share is of; beside other numbers most of them say nothing."""

BOUNDS = frozenset({Kind.AT_LEAST, Kind.AT_MOST})

UNIT_OF = {
    Kind.TIMES: "speedup",
    Kind.SECONDS: "latency_s",
    Kind.MILLISECONDS: "latency_s",
    Kind.STEPS: "steps",
    Kind.BYTES: MEMORY,
    Kind.DECIBELS: "metric",
}
LEAST = frozenset({Kind.AT_LEAST, Kind.OR_MORE})
MOST = frozenset({Kind.AT_MOST, Kind.OR_LESS})


@dataclass
class Measure:
    """A number and all that says what it is.

    Attributes:
        number: The number.
        before: The roles, topics and bounds before it.
        unit: Its unit.
        after: The roles, topics and bounds behind it.
        per_image: Whether it is said to be per image.
        by: Whether it is said by how much something is to change.
    """

    number: Token
    before: list[Token]
    unit: Token | None = None
    after: list[Token] = field(default_factory=list)
    per_image: bool = False
    by: bool = False

    @property
    def tokens(self) -> list[Token]:
        """All its tokens."""
        return [*self.before, self.number, *([self.unit] if self.unit else []), *self.after]

    @property
    def kinds(self) -> set[Kind]:
        """What its roles, topics and bounds are."""
        return {token.kind for token in (*self.before, *self.after)}

    @property
    def unit_kind(self) -> Kind | None:
        """What its unit is."""
        return self.unit.kind if self.unit else None

    @property
    def has_role(self) -> bool:
        """Whether a word says what it is."""
        topics = TOPICS.keys() if self.unit_kind is Kind.PERCENT else set()
        return bool(self.kinds & (ROLES.keys() | topics))

    @property
    def has_bound(self) -> bool:
        """Whether a word says from which side it bounds."""
        return bool(self.kinds & (LEAST | MOST))

    def takes(self, role: Kind) -> bool:
        """Whether a role behind it can be its own."""
        if self.unit is None:
            return role is not Kind.STEPS
        if self.unit.kind is Kind.PERCENT:
            return ROLES[role] in ("speedup", "latency_s", "loss_budget", "metric")
        return UNIT_OF[self.unit.kind] == ROLES[role] != "steps"
