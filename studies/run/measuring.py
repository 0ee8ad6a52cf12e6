"""Instruments: the loaded pipeline, its baseline, and the check that it is intact."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from objectives.measurement import Baseline
from objectives.objective import Objective
from objectives.pipelines.conditioning import Conditioning
from objectives.pipelines.loading import free_memory, load_conditioning, load_pipeline
from objectives.pipelines.schedulers import make_scheduler
from objectives.prompt_length import length_notes
from objectives.quality import METRICS
from objectives.quality.metric import Metric
from objectives.quality.scorer import Scorer, foreign_doubt
from storage.database.baselines import baseline_key, find_baseline, keep_baseline
from storage.database.opening import Store
from storage.database.retry import DatabaseRetry
from storage.reading.studies import has_study
from studies.errors import StudyFailedError
from studies.plan import Plan
from studies.planning.budgets import first_budgets
from studies.run.compiled_code import keep_compiled_code


@dataclass(frozen=True)
class Instrument:
    """The objective that measures points, and the baseline that it compares them with.

    Attributes:
        objective: The objective that measures.
        baseline: The baseline that it compares with.
        doubt: Why a small loss against the baseline means little; empty if there is no reason.
        notes: What a person should know of what was loaded, a line each.
    """

    objective: Objective
    baseline: Baseline
    doubt: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadedPipeline:
    """One pipeline in memory, with the prompts, scorer and metrics that it was loaded for."""

    key: tuple[object, ...]
    pipe: Any
    scheduler_config: Any
    conditioning: Conditioning
    scorer: Scorer
    metrics: Mapping[str, Metric]
    notes: tuple[str, ...]


class PipelineLoader:
    """Loads what plans need. Plans of one pipeline in a row share what is loaded."""

    def __init__(self) -> None:
        self._loaded: LoadedPipeline | None = None

    def load(self, plan: Plan, store: Store, tell: Callable[[str], None]) -> Instrument:
        """Load a plan's pipeline and find its baseline, or generate and keep one.

        Args:
            plan: What is to be measured.
            store: Where baselines are kept.
            tell: Told in words what takes time.

        Raises:
            InputError: If the scorer or the model of a metric cannot be loaded.
            MeasurementError: If the unaccelerated pipeline makes no pictures.
        """
        objective, notes = self.objective(plan, store, tell)
        key = baseline_key(plan.baseline_identity)
        found = find_baseline(store.engine, key)
        if found is None:
            tell("generating the baseline")
            baseline = objective.measure_baseline()
            keep_baseline(store.engine, key, baseline.scores, baseline.embeddings)
        else:
            baseline = Baseline(*found)
        foreign = foreign_doubt(plan.scorer, plan.entry.name, plan.entry.scorer)
        return Instrument(objective, baseline, foreign or objective.doubt(baseline), notes)

    def objective(
        self, plan: Plan, store: Store, tell: Callable[[str], None]
    ) -> tuple[Objective, tuple[str, ...]]:
        """Return the objective for a plan's points, and notes on what was loaded; see `load`."""
        if "compile" in plan.combination.methods:
            keep_compiled_code(store)
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
            plan.entry.call_at(plan.protocol.guidance_scale),
            loaded.metrics,
        )
        return objective, loaded.notes

    def forget(self) -> None:
        """Drop what is loaded; the next `load` starts afresh."""
        self._loaded = None
        free_memory()

    def _load(self, plan: Plan, tell: Callable[[str], None]) -> LoadedPipeline:
        """What is loaded already if it serves the plan, else what it needs in its place."""
        protocol = plan.protocol
        negative = protocol.negative_prompt
        key = (
            plan.model,
            protocol.dtype,
            plan.device,
            plan.scorer,
            (protocol.metrics, plan.weights),
            (negative, *plan.drawn),
            plan.loras,
        )
        if self._loaded is not None and self._loaded.key == key:
            return self._loaded
        if self._loaded is not None:
            # Two models seldom fit in memory together.
            self.forget()
        tell(f"loading {plan.combination.pipeline}")
        where = (protocol.dtype, plan.device)
        scorer = Scorer(plan.scorer, plan.device)
        metrics = {
            name: METRICS[name].loaded(plan.weights.get(name), plan.device)
            for name in protocol.metrics
        }
        conditioning = load_conditioning(plan.entry, plan.model, plan.drawn, *where, negative)
        pipe = load_pipeline(plan.entry, plan.model, *where, plan.loras)
        # What is loaded stays. Garbage collection skips it, or it would stall a trial by half a
        # second.
        gc.collect()
        gc.freeze()
        cut_off = conditioning.cut_off(pipe), scorer.cut_off(plan.drawn)
        notes = length_notes(*cut_off, len(plan.drawn), conditioning.cuts_negative(pipe))
        config = pipe.scheduler.config
        self._loaded = LoadedPipeline(key, pipe, config, conditioning, scorer, metrics, notes)
        return self._loaded


def load_before_study(
    plan: Plan, store: Store, loader: PipelineLoader, tell: Callable[[str], None]
) -> Instrument | None:
    """Load the instrument of a new study first, because a failure to load must leave no study.

    Args:
        plan: What is to be measured.
        store: Where the study is to be kept.
        loader: What is loaded already.
        tell: Told in words what takes time.

    Returns:
        None if the study exists already; it may have nothing left to measure.

    Raises:
        InputError: If the study's loss has no budget, or the scorer cannot be loaded.
    """
    retry = DatabaseRetry(tell)
    if retry(lambda: has_study(store, plan.study_name)):
        return None
    first_budgets(plan.request)
    return retry(lambda: loader.load(plan, store, tell))


class Instruments:
    """The search's instrument, and the one that confirms on unseen prompts.

    Attributes:
        doubtful: Set after a failed trial, which may have broken the pipe; call `restore` before
            the next trial.
        notes: What a person should know of what was loaded, a line each.
    """

    def __init__(
        self,
        plan: Plan,
        confirmation: Plan | None,
        store: Store,
        loader: PipelineLoader,
        retry: DatabaseRetry,
        tell: Callable[[str], None],
        loaded: Instrument | None = None,
    ) -> None:
        """Prepare the instruments; load nothing yet.

        Args:
            plan: What is to be measured.
            confirmation: The same plan on unseen prompts; None if there are none.
            store: Where baselines are kept.
            loader: The loader, which keeps what it has loaded for the next study.
            retry: Waits for an unreachable database.
            tell: Told in words what takes time.
            loaded: The search's instrument, if it is loaded already.
        """
        self._loaded = loaded
        self._plan = plan
        self._confirmation = confirmation
        self._store = store
        self._loader = loader
        self._retry = retry
        self._tell = tell
        self.doubtful = False
        self.notes = () if loaded is None else loaded.notes

    @cached_property
    def search(self) -> Instrument:
        """Return the instrument that measures the points of the search."""
        return self._loaded or self._load(self._plan)

    @cached_property
    def confirming(self) -> Instrument:
        """Return the instrument that confirms; only valid with a plan for it."""
        assert self._confirmation is not None  # Else nothing is due to be confirmed.
        return self._load(self._confirmation)

    def restore(self) -> str:
        """Prove that a failed trial left the pipe intact, or reload it.

        Returns:
            What was done about it, in words; empty if the pipe is intact.

        Raises:
            StudyFailedError: If the reloaded pipe does not make the baseline's pictures either.
        """
        self.doubtful = False
        self._tell("checking the pipe after the failure")
        try:
            self._prove()
            return ""
        except Exception as error:
            # A pipe that fails in any way is of no use.
            fault = type(error).__name__
        self._loaded = None
        for instrument in ("search", "confirming"):
            self.__dict__.pop(instrument, None)
        self._loader.forget()
        try:
            self._prove()
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise StudyFailedError(
                "after a failed trial the unaccelerated pipeline, loaded anew, makes no right "
                f"pictures: {reason}; what was measured is kept, and the same command resumes "
                "the study"
            ) from error
        return f"the pipe is loaded anew ({fault})"

    def leave(self) -> None:
        """End the run; the loader may serve another study, but not with a doubtful pipe."""
        if self.doubtful:
            self._loader.forget()

    def _load(self, plan: Plan) -> Instrument:
        instrument = self._retry(lambda: self._loader.load(plan, self._store, self._tell))
        self.notes = instrument.notes
        return instrument

    def _prove(self) -> None:
        self.search.objective.prove(self.search.baseline)
