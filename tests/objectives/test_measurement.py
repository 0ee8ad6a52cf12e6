from __future__ import annotations

import time

import pytest

from objectives.measurement import Clock


def test_clock_adds_up_each_phase() -> None:
    clock = Clock()
    for _ in range(2):
        with clock.phase("score"):
            time.sleep(0.02)
    clock.add("patch", 1.5)
    clock.add("patch", 0.25)
    assert clock.seconds["patch"] == 1.75
    assert 0.04 <= clock.seconds["score"] < 1.0


def test_clock_counts_a_phase_that_ends_by_an_error() -> None:
    clock = Clock()
    with pytest.raises(ZeroDivisionError), clock.phase("generate"):
        time.sleep(0.02)
        raise ZeroDivisionError
    assert clock.seconds["generate"] >= 0.02
