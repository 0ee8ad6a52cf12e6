"""The thresholds of a cache worth trying: from the first hit up to where all calls hit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil, floor, log10

from storage.records.record import GREATEST

DIGITS = 3
"""Significant digits of a threshold. Rounded up, it still hits where the exact value would."""


def spread_thresholds(
    errors: Iterable[float], hits: Callable[[float], int], most: int
) -> tuple[float, ...]:
    """Choose thresholds at which a cache hits more and more often.

    Args:
        errors: The errors that the cache compares with its threshold; only they matter. Errors too
            large for a record are ignored.
        hits: Returns how many calls hit at a threshold.
        most: The greatest number of thresholds.

    Returns:
        Thresholds, ascending, whose numbers of hits differ and are spread evenly: from the first
        hit to the most hits that any threshold gives. Empty if none hits.
    """
    least: dict[int, float] = {}
    for threshold in sorted({rounded_up(each) for each in errors if 0 < each <= GREATEST}):
        least.setdefault(hits(threshold), threshold)
    counts = sorted(count for count in least if count > 0)
    gaps = max(1, min(most, len(counts)) - 1)
    places = {round(number * (len(counts) - 1) / gaps) for number in range(gaps + 1)}
    return tuple(sorted(least[counts[place]] for place in places)) if counts else ()


def rounded_up(value: float) -> float:
    """Round up to `DIGITS` significant digits.

    Args:
        value: A number above 0.
    """
    unit = DIGITS - 1 - floor(log10(value))
    return float(f"{ceil(value * 10.0**unit) * 10.0**-unit:.{DIGITS}g}")
