"""Fronts measured again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measuring.repeat import measure_front
from benchmarks.storage.stub_loader import StubLoader
from storage.database.baselines import keep_learned
from storage.database.opening import Store, open_store
from studies.plan import Plan, make_plan
from studies.request import StudyRequest
from studies.run.measuring import Instrument
from studies.run.opening import learned_key
from studies.run.runner import run_study

RATIOS = (1.0, 1.21, 1.13, 1.11)


@dataclass
class Told(StubLoader):
    """Tells of what it was asked to load."""

    plans: list[Plan] = field(default_factory=list)

    def load(self, plan: Plan, store: Store, tell: Any) -> Instrument:
        """See `PipelineLoader.load`."""
        self.plans.append(plan)
        return super().load(plan, store, tell)


def test_a_study_is_measured_again_with_what_it_learned(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/a.db", create=True)
    plan = make_plan(
        StudyRequest(
            *("tiny-shapes-dit", "DPM-Solver++", len(RATIOS), ("mag_cache",)),
            trials=2,
            num_samples=2,
            batch_size=1,
            device="cpu",
            confirm=False,
        )
    )
    keep_learned(store.engine, learned_key(plan, "mag_cache"), RATIOS)
    loader = Told(lambda: None)
    study = run_study(plan, store, loader=loader).study
    assert study.learned == {"mag_cache": RATIOS}

    again = list(measure_front(study, store, loader, {"device": "cpu"}))

    assert len(again) == len(study.front)
    assert loader.plans[-1].stack.context.learned == study.learned
