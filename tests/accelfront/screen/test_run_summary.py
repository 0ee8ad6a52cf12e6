from __future__ import annotations

from pathlib import Path

import pytest

from accelfront.screen.run_summary import run_summary
from storage.database.opening import open_store
from studies.run.progress import RunResult
from tests.made_records import changed
from tests.made_reports import keep, made_study, made_trial


@pytest.mark.parametrize(
    ("is_timed_again", "told"),
    [
        (False, "1 trial was disturbed (busy); doubt its latency"),
        (True, "1 trial was disturbed (busy), also when timed again; doubt its latency"),
    ],
)
def test_timing_again_is_told_where_it_was_in_vain(
    is_timed_again: bool, told: str, tmp_path: Path
) -> None:
    busy = made_trial(0, 2.0, 0.01, disturbed=["busy"])
    again = changed(busy, timed_again=True, first_timing=busy.measurement)
    study = made_study([again if is_timed_again else busy])
    store = open_store(f"sqlite:///{tmp_path}/a.db", create=True)
    keep(store, study)
    lines = run_summary(RunResult(study, "interrupt", 1, None, {}, None), store)
    assert told in lines
