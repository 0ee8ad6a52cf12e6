"""How often people preferred a point's pictures, with its interval."""

from __future__ import annotations

import pytest

from storage.records.conclusions.win_rate import WinRate


def test_the_interval_is_wilsons() -> None:
    # By hand for 7 of 10: middle (0.7 + 0.19207) / 1.38415, reach 1.95996 *
    # sqrt(0.021 + 0.0096037) / 1.38415.
    assert WinRate(7, 0, 3).interval == pytest.approx((0.3968, 0.8922), abs=5e-5)
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, and 15 of 148.
    assert WinRate(81, 0, 182).interval == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert WinRate(15, 0, 133).interval == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_a_tie_is_half_a_win() -> None:
    rate = WinRate(6, 2, 2)
    assert rate.value == 0.7 and rate.interval == WinRate(7, 0, 3).interval
    assert WinRate(0, 5, 0).value == 0.5
    assert rate.in_words == "70% (40% to 89%) of 10 votes"
    assert WinRate(1, 0, 0).in_words == "100% (21% to 100%) of 1 vote"


def test_the_interval_stays_between_never_and_always() -> None:
    assert WinRate(0, 0, 4).interval[0] == 0.0 and WinRate(4, 0, 0).interval[1] == 1.0
