from __future__ import annotations

from math import inf, nan

import pytest

from accel_space.calibration.thresholds import rounded_up, spread_thresholds

ERRORS = (0.1, 0.2, 0.4, 0.8, 1.6)


def _hits(threshold: float) -> int:
    return sum(error <= threshold for error in ERRORS)


@pytest.mark.parametrize(
    ("most", "expected"),
    [(9, ERRORS), (5, ERRORS), (3, (0.1, 0.4, 1.6)), (2, (0.1, 1.6)), (1, (0.1, 1.6))],
)
def test_thresholds_reach_from_the_first_hit_to_where_all_hit(
    most: int, expected: tuple[float, ...]
) -> None:
    assert spread_thresholds(ERRORS, _hits, most) == expected


def test_of_thresholds_with_as_many_hits_the_least_is_taken() -> None:
    assert spread_thresholds((*ERRORS, 0.3, 0.7), _hits, 9) == ERRORS


def test_what_is_no_error_is_left_out_and_without_a_hit_there_is_no_threshold() -> None:
    assert spread_thresholds((0.1, nan, inf, 0.0, -1.0), _hits, 9) == (0.1,)
    # No study can keep what is greater.
    assert spread_thresholds((0.1, 1e9, 1.01e9), lambda threshold: int(threshold), 9) == (1e9,)
    assert spread_thresholds(ERRORS, lambda threshold: 0, 9) == ()
    assert spread_thresholds((), _hits, 9) == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.123401, 0.124), (0.123, 0.123), (0.9999, 1.0), (12.341, 12.4), (4.2e-7, 4.2e-7)],
)
def test_a_rounded_threshold_still_hits_where_the_exact_one_does(
    value: float, expected: float
) -> None:
    assert rounded_up(value) == expected >= value
