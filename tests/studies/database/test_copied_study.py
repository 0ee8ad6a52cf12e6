"""A study that was copied from another database, which comes without claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from benchmarks.storage.stub_loader import REQUEST, work
from storage.database.opening import open_store
from storage.records.points import point_key
from studies.plan import make_plan
from tests.tiers.covering import taking_turns


@pytest.mark.parametrize("sampler", taking_turns(["auto", "grid"]))
def test_the_points_of_a_copied_study_count_as_taken(tmp_path: Path, sampler: str) -> None:
    request = replace(REQUEST, methods=("deepcache",), steps=6, sampler=sampler, confirm=False)
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("from", "to")]
    before = work(urls[0], make_plan(replace(request, trials=10)), lambda: None).study
    optuna.copy_study(
        from_study_name=before.name,
        from_storage=open_store(urls[0]).optuna,
        to_storage=open_store(urls[1], create=True).optuna,
    )
    measured: list[None] = []
    plan = make_plan(replace(request, trials=16))
    after = work(urls[1], plan, lambda: measured.append(None)).study
    assert len(measured) == 6
    assert after.trials[:10] == before.trials
    assert {point_key(trial.params) for trial in after.trials} == set(
        map(point_key, plan.stack.points)
    )
    assert after.states == {"complete": 16}
