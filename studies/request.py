"""What a person asks for: one study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from objectives.errors import InputError
from objectives.quality.metrics.clip_loss import ClipLoss
from objectives.settings.generation import GenerationSettings
from storage.foreign import shown
from storage.records.budgets import CLIP_LOSS
from storage.records.combination import Combination
from storage.records.requirement import Requirement
from storage.spelling import likely, suggested
from studies.budgets import Asked, AskedBudgets

SAMPLERS = ("auto", "grid", "gp", "tpe", "nsga2", "random")

DEFAULT_LOSS_BUDGET = ClipLoss.default_budget

GREATEST = 10**9
"""The greatest count or seed. Trial and prompt numbers are added to a seed, and NumPy's seeds end
at 2**32."""

BudgetUse = Literal["set", "begin", "run"]
"""How a run uses the requested budgets. `set`: they become the study's own. `begin`: a new study
takes them, and an existing one keeps its own. `run`: they hold for this run only, as for a task."""


@dataclass(frozen=True)
class StudyRequest:
    """One study as a person asks for it; None stands for the pipeline's default.

    Attributes:
        pipeline: A name of the catalogue.
        scheduler: A scheduler's name.
        steps: num_inference_steps.
        methods: Names of the methods to stack.
        trials: The number of distinct points to measure, over all runs of the study.
        num_samples: How many prompts, one picture each.
        batch_size: How many pictures are generated together.
        seed: The seed of the noise, of the draw of prompts and of the sampler.
        sampler: How points are chosen, one of `SAMPLERS`.
        prompts: A file of prompts.
        model: A folder in diffusers layout or an address, in place of the catalogue's model.
        revision: The branch, tag or commit of an address.
        scorer: The open_clip model that scores, as `find_scorer` takes it.
        metrics: Names of metrics to keep in addition to the usual ones.
        weights: The files of metrics with a model of their own, by metric; a metric without an
            entry looks where its library keeps fetched files.
        loss: The metric that is the second objective.
        generation: Settings of generation that differ from the pipeline's own.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        timeout_s: Start no trial after this many seconds.
        trial_timeout_s: Fail a trial that takes longer; checked between batches.
        requirement: Stop once a point meets it inside the loss budget.
        loss_budget: The greatest loss allowed in `loss`; None takes the study's own.
        conditions: All other budgets, by name; None lifts one of the study's own.
        budget_use: How the run uses the budgets.
        allow_version_drift: Resume even if libraries have changed since the study began.
        retry_failed: Measure failed points again.
        screening: Give up hopeless points of a search after few prompts.
        confirm: Measure the best points on unseen prompts at the end.
    """

    pipeline: str
    scheduler: str
    steps: int
    methods: tuple[str, ...]
    trials: int
    num_samples: int | None = None
    batch_size: int | None = None
    seed: int = 0
    sampler: str = "auto"
    prompts: Path | None = None
    model: str | None = None
    revision: str | None = None
    scorer: str | None = None
    metrics: tuple[str, ...] = ()
    weights: Mapping[str, Path] = field(default_factory=dict)
    loss: str = CLIP_LOSS
    generation: GenerationSettings = field(default_factory=GenerationSettings)
    device: str = "auto"
    timeout_s: float | None = None
    trial_timeout_s: float | None = None
    requirement: Requirement = field(default_factory=Requirement)
    loss_budget: float | None = None
    conditions: Mapping[str, Asked] = field(default_factory=dict)
    budget_use: BudgetUse = "set"
    allow_version_drift: bool = False
    screening: bool = True
    retry_failed: bool = False
    confirm: bool = True

    @property
    def asked(self) -> AskedBudgets:
        """All requested budgets."""
        own = {} if self.loss_budget is None else {self.loss: self.loss_budget}
        return AskedBudgets({**own, **self.conditions})

    @property
    def combination(self) -> Combination:
        """The combination, as the request spells it."""
        return Combination(
            pipeline=self.pipeline, scheduler=self.scheduler, steps=self.steps, methods=self.methods
        )


def check_numbers(request: StudyRequest) -> None:
    """Check the numbers of a request, its sampler and its generation settings.

    Raises:
        InputError: If one is out of its range, or there is no such sampler.
    """
    ranges = {
        # No model was trained for more steps.
        "--steps": (request.steps, 1, 1000),
        "--trials": (request.trials, 1, GREATEST),
        # One prompt gives no interval.
        "--num-samples": (request.num_samples, 2, GREATEST),
        "--batch-size": (request.batch_size, 1, GREATEST),
        "--seed": (request.seed, 0, GREATEST),
    }
    for option, (value, least, most) in ranges.items():
        if value is not None and not least <= value <= most:
            raise InputError(
                f"{option} must be a whole number from {least} to {most}, and {shown(value)} was "
                "given"
            )
    above_zero = {
        "--timeout": request.timeout_s,
        "--trial-timeout": request.trial_timeout_s,
    }
    for option, number in above_zero.items():
        _check_above_zero(option, number)
    check_requirement(request.requirement)
    if request.loss_budget is not None and not -1 < request.loss_budget < 1:
        raise InputError(
            "--req-score-loss is a share of the baseline's score, such as 0.02 for 2%, and "
            f"{request.loss_budget:g} was given"
        )
    if request.sampler not in SAMPLERS:
        hint = suggested(likely(request.sampler, SAMPLERS), f"use {', '.join(SAMPLERS)}")
        raise InputError(f"unknown sampler {shown(request.sampler)}; {hint}")
    request.generation.check()


def check_requirement(requirement: Requirement) -> None:
    """Check a required speed.

    Raises:
        InputError: If it is out of range.
    """
    _check_above_zero("--req-time", requirement.latency_s)
    if requirement.speedup is not None and not requirement.speedup >= 1:
        raise InputError(
            f"--req-speedup must be 1 or more; {requirement.speedup:g} would be slower than the "
            "baseline"
        )


def _check_above_zero(option: str, number: float | None) -> None:
    if number is not None and not number > 0:
        raise InputError(f"{option} must be above 0, and {number:g} was given")
