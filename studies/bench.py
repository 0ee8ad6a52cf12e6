"""The bench: a loaded pipeline with its baseline, ready to measure points."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass

from objectives.loading import load_pipeline
from objectives.measurement import Baseline
from objectives.objective import Objective
from objectives.scorer import Scorer
from storage.baselines import baseline_key, find_baseline, keep_baseline
from storage.store import Store
from studies.plan import Plan


@dataclass(frozen=True)
class Bench:
    """What measures points, and what they are measured against."""

    objective: Objective
    baseline: Baseline


def open_bench(plan: Plan, store: Store, tell: Callable[[str], None]) -> Bench:
    """Load a plan's pipeline and find its baseline, or generate and keep one.

    Args:
        plan: What is to be measured.
        store: Where baselines are kept.
        tell: Told in words what takes time.

    Raises:
        MeasurementError: If the unaccelerated pipeline makes no pictures.
    """
    tell(f"loading {plan.combination['pipeline']}")
    pipe = load_pipeline(
        plan.architecture, plan.combination["scheduler"], plan.protocol.dtype, plan.device
    )
    # What is loaded stays: left out, it cannot make a collection stall a trial by half a second.
    gc.collect()
    gc.freeze()
    scorer = Scorer(plan.scorer_folder, plan.device)
    objective = Objective(pipe, plan.stack, scorer, plan.protocol, plan.prompts, plan.device)
    key = baseline_key(plan.baseline_identity)
    found = find_baseline(store.engine, key)
    if found is None:
        tell("generating the baseline")
        baseline = objective.measure_baseline()
        keep_baseline(store.engine, key, baseline.scores, baseline.embeddings)
        return Bench(objective, baseline)
    return Bench(objective, Baseline(*found))
