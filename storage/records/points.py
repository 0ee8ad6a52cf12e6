"""Points: parameter sets, each written as text in one way."""

from __future__ import annotations

from collections.abc import Mapping


def point_key(point: Mapping[str, int | float]) -> str:
    """Write a point as text, as in `cache_interval=3 cache_branch_id=0`.

    Args:
        point: A point as `Stack.canonical` gives it; equal points have equal text, and only they.
    """
    return " ".join(f"{name}={value:.15g}" for name, value in point.items())
