"""The workbench: what is loaded to measure points, kept from study to study."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from objectives.measurement import Baseline
from objectives.objective import Objective
from objectives.pipelines.conditioning import Conditioning
from objectives.pipelines.loading import free_memory, load_conditioning, load_pipeline
from objectives.pipelines.schedulers import make_scheduler
from objectives.prompt_length import length_notes
from objectives.quality.scorer import Scorer, foreign_doubt
from storage.database.baselines import baseline_key, find_baseline, keep_baseline
from storage.database.opening import Store
from studies.plan import Plan


@dataclass(frozen=True)
class Bench:
    """What measures points, and what they are measured against.

    Attributes:
        objective: What measures.
        baseline: What it measures against.
        doubt: Why a small loss against it says little; empty if there is no reason.
        notes: What a person should know of what was loaded, a line each.
    """

    objective: Objective
    baseline: Baseline
    doubt: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Loaded:
    """One pipeline in memory, with the prompts and the scorer that it was loaded for."""

    key: tuple[object, ...]
    pipe: Any
    scheduler_config: Any
    conditioning: Conditioning
    scorer: Scorer
    notes: tuple[str, ...]


class Workbench:
    """Loads what plans need. Plans of one pipeline in a row share what is loaded."""

    def __init__(self) -> None:
        self._loaded: _Loaded | None = None

    def open(self, plan: Plan, store: Store, tell: Callable[[str], None]) -> Bench:
        """Load a plan's pipeline and find its baseline, or generate and keep one.

        Args:
            plan: What is to be measured.
            store: Where baselines are kept.
            tell: Told in words what takes time.

        Raises:
            InputError: If the scorer cannot be loaded.
            MeasurementError: If the unaccelerated pipeline makes no pictures.
        """
        loaded = self._load(plan, tell)
        loaded.pipe.scheduler = make_scheduler(
            plan.combination.scheduler, loaded.scheduler_config, plan.scheduler_settings
        )
        objective = Objective(
            loaded.pipe,
            plan.stack,
            loaded.scorer,
            plan.protocol,
            plan.prompts,
            plan.device,
            loaded.conditioning.part(plan.places),
            plan.entry.family.call,
        )
        key = baseline_key(plan.baseline_identity)
        found = find_baseline(store.engine, key)
        if found is None:
            tell("generating the baseline")
            baseline = objective.measure_baseline()
            keep_baseline(store.engine, key, baseline.scores, baseline.embeddings)
        else:
            baseline = Baseline(*found)
        foreign = foreign_doubt(plan.scorer, plan.entry.name, plan.entry.scorer)
        return Bench(objective, baseline, foreign or objective.doubt(baseline), loaded.notes)

    def forget(self) -> None:
        """Drop what is loaded; the next `open` loads it anew."""
        self._loaded = None
        free_memory()

    def _load(self, plan: Plan, tell: Callable[[str], None]) -> _Loaded:
        """What is loaded already if it serves the plan, else what it needs in its place."""
        protocol = plan.protocol
        key = (plan.model, protocol.dtype, plan.device, plan.scorer, tuple(plan.drawn))
        if self._loaded is not None and self._loaded.key == key:
            return self._loaded
        # Two models seldom fit side by side.
        self.forget()
        tell(f"loading {plan.combination.pipeline}")
        where = (protocol.dtype, plan.device)
        scorer = Scorer(plan.scorer, plan.device)
        conditioning = load_conditioning(plan.entry, plan.model, plan.drawn, *where)
        pipe = load_pipeline(plan.entry, plan.model, *where)
        # What is loaded stays: left out, it cannot make a collection stall a trial by half a
        # second.
        gc.collect()
        gc.freeze()
        cut_off = conditioning.cut_off(pipe), scorer.cut_off(plan.drawn)
        notes = length_notes(*cut_off, len(plan.drawn))
        self._loaded = _Loaded(key, pipe, pipe.scheduler.config, conditioning, scorer, notes)
        return self._loaded
