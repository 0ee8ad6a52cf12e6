"""Where the time of made-up trials went."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.quality.trial_shares import keep, shares
from tests.made_records import changed
from tests.made_reports import made_study, made_trial

SECONDS = {"generate": 5.0, "baseline": 3.0, "score": 1.5, "patch": 0.25, "store": 0.25}


def test_shares_are_of_all_trials_together_and_of_their_first_measurement(tmp_path: Path) -> None:
    first = made_trial(0, 2.0, 0.01, seconds=SECONDS)
    # Timed again, which scores nothing.
    other = made_trial(1, 2.0, 0.01, seconds={"generate": 8.0, "baseline": 2.0})
    again = changed(other, first_timing=first.measurement, timed_again=True)
    for trials in ([first], [first, again]):
        found = shares(made_study(trials))
        assert found["trial_s"] == 10.0
        assert found["scoring"] == pytest.approx(0.15)
        assert found["overhead"] == pytest.approx(0.05)
    page = keep(made_study([first, again]), tmp_path)
    assert "| scoring | 15.0% | at most 15% |" in page
    assert "| all else | 5.0% | at most 5% |" in page
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".md"]
