"""A number of a task with the words that belong to it, before its meaning is decided."""

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
"""Words that say what a share is a share of; with other numbers most of them say nothing."""

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
    """A number and the words that say what it is.

    Attributes:
        number: The number.
        before: The roles, topics and bounds before it.
        unit: Its unit.
        after: The roles, topics and bounds after it.
        per_image: Whether it is said to be per image.
        by: Whether it says by how much something changes.
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
        """The kinds of its roles, topics and bounds."""
        return {token.kind for token in (*self.before, *self.after)}

    @property
    def unit_kind(self) -> Kind | None:
        """The kind of its unit."""
        return self.unit.kind if self.unit else None

    @property
    def has_role(self) -> bool:
        """Whether a word says what the number is."""
        topics = TOPICS.keys() if self.unit_kind is Kind.PERCENT else set()
        return bool(self.kinds & (ROLES.keys() | topics))

    @property
    def has_bound(self) -> bool:
        """Whether a word says from which side the number bounds."""
        return bool(self.kinds & (LEAST | MOST))

    def takes(self, role: Kind) -> bool:
        """Whether a role after it can belong to it."""
        if self.unit is None:
            return role is not Kind.STEPS
        if self.unit.kind is Kind.PERCENT:
            return ROLES[role] in ("speedup", "latency_s", "loss_budget", "metric")
        return UNIT_OF[self.unit.kind] == ROLES[role] != "steps"
