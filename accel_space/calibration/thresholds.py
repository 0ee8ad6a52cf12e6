"""The thresholds of a cache that are worth trying: from its first hit to where all calls hit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil, floor, log10

from storage.records.record import GREATEST

DIGITS = 3
"""Of a threshold that are written; rounded up, it still hits where it was to hit."""


def spread_thresholds(
    errors: Iterable[float], hits: Callable[[float], int], most: int
) -> tuple[float, ...]:
    """Choose thresholds at which a cache hits more and more often.

    Args:
        errors: The errors at which the cache decides; no others change what it does. Those that no
            record takes are left out.
        hits: How many calls hit at a threshold.
        most: How many thresholds at most.

    Returns:
        Thresholds, ascending, of different numbers of hits that are spread evenly: at the first
        one the first call hits, and at none more calls than at the last. Empty if none hits.
    """
    least: dict[int, float] = {}
    for threshold in sorted({rounded_up(each) for each in errors if 0 < each <= GREATEST}):
        least.setdefault(hits(threshold), threshold)
    counts = sorted(count for count in least if count > 0)
    gaps = max(1, min(most, len(counts)) - 1)
    places = {round(number * (len(counts) - 1) / gaps) for number in range(gaps + 1)}
    return tuple(sorted(least[counts[place]] for place in places)) if counts else ()


def rounded_up(value: float) -> float:
    """The next greater number of `DIGITS` digits.

    Args:
        value: A number above 0.
    """
    unit = DIGITS - 1 - floor(log10(value))
    return float(f"{ceil(value * 10.0**unit) * 10.0**-unit:.{DIGITS}g}")
