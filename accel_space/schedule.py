"""Schedules: what a point makes the pipeline leave out, and when."""

from __future__ import annotations

from dataclasses import dataclass

Skipped = dict[str, tuple[float, ...]]
"""What is left out, by name: at each denoiser call its share, from 0 (nothing) to 1 (all of it)."""


@dataclass(frozen=True)
class Static:
    """A schedule that is known before anything runs.

    Attributes:
        skips: What each call leaves out. Names that methods share mean the same: `guidance`,
            `self_attention`, `cross_attention`.
    """

    skips: Skipped


def stretched(skips: Skipped, calls: int) -> Skipped:
    """Lay shares of as many calls or fewer out over `calls` calls; none of them is lost."""
    return {
        name: tuple(shares[call * len(shares) // calls] for call in range(calls))
        for name, shares in skips.items()
    }
