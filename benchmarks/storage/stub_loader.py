"""Workers with real storage, samplers and processes, and a stub in place of the GPU second."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from accel_space.method import Params
from accel_space.stack import Stack
from benchmarks.shared.made_measurement import made_measurement
from objectives.measurement import Baseline
from objectives.statistics import Estimate
from storage.database.opening import Store, open_store
from storage.records.measurement import Measurement
from storage.records.points import point_key
from studies.plan import Plan
from studies.request import StudyRequest
from studies.run.measuring import Instrument, PipelineLoader
from studies.run.progress import RunResult, Watch
from studies.run.runner import run_study

REQUEST = StudyRequest(
    pipeline="tiny-shapes",
    scheduler="DDIM",
    steps=50,
    methods=("deepcache", "tgate", "tome"),
    trials=60,
    num_samples=2,
    batch_size=1,
    device="cpu",
    sampler="grid",
    loss_budget=0.5,
)
"""A study with thousands of points, of which a few are wanted; `grid` ends at no plateau."""

Act = Callable[[], None]


@dataclass
class StubObjective:
    """Sleeps instead of measuring, and makes up figures from the point.

    Attributes:
        stack: The methods; their points give the figures.
        generate: What happens instead of generating.
        score: What happens instead of scoring.
    """

    stack: Stack
    generate: Act
    score: Act = lambda: None

    def prove(self, baseline: Baseline) -> None:
        """Accept anything: there are no pictures."""

    def measure(self, point: Params, baseline: Baseline, *ignored: Any, **more: Any) -> Measurement:
        """Make up figures: the same ones for the same point."""
        self.generate()
        self.score()
        return made_up(point)


def made_up(point: Params) -> Measurement:
    """Figures of a point, as if measured."""
    noise = random.Random(point_key(point))
    speedup = 1 + 2 * noise.random()
    loss = 0.02 * speedup * noise.random()
    made = made_measurement(
        Estimate(speedup, speedup * 0.98, speedup * 1.02),
        Estimate(loss, loss - 0.005, loss + 0.005),
        samples=32,
        baseline_s=0.5,
        pairs=5,
    )
    return made.model_copy(
        update={
            "latency_ci_s": (made.latency_s * 0.98, made.latency_s * 1.02),
            "seconds": {"generate": 0.5, "baseline": 0.5, "score": 0.1, "patch": 0.01},
        }
    )


@dataclass
class StubLoader(PipelineLoader):
    """Loads nothing."""

    generate: Act
    score: Act = field(default=lambda: None)

    def load(self, plan: Plan, store: Store, tell: Callable[[str], None]) -> Instrument:
        """See `PipelineLoader.load`."""
        objective: Any = StubObjective(plan.stack, self.generate, self.score)
        return Instrument(objective, Baseline([0.3], np.ones((1, 1), np.float32)))

    def forget(self) -> None:
        """See `PipelineLoader.forget`."""


def work(
    url: str,
    plan: Plan,
    generate: Act,
    score: Act = lambda: None,
    watch: Watch = lambda progress: None,
) -> RunResult:
    """Run one study to its end in this process, over a storage object of its own."""
    return run_study(plan, open_store(url, create=True), watch, StubLoader(generate, score))
