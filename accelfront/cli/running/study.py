"""`accelfront study`: run or resume one study."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from accelfront.cli.combination_options import Methods, Pipeline, Sampler, Scheduler, Steps
from accelfront.cli.generation_options import (
    Dtype,
    Guidance,
    LoraFile,
    NegativePrompt,
    SchedulerOption,
    Size,
)
from accelfront.cli.metric_options import Loss, Metrics, WeightsFile
from accelfront.cli.options import (
    DEFAULT_STORAGE,
    DEFAULT_TRIALS,
    AsJson,
    Budget,
    Device,
    NoConfirm,
    NoScreening,
    RetryFailed,
    Storage,
    named_file,
    names_in,
)
from accelfront.cli.study_options import (
    AllowVersionDrift,
    BatchSize,
    ModelFolder,
    NumSamples,
    Prompts,
    ReqScoreLoss,
    ReqSpeedup,
    ReqTime,
    Revision,
    Scorer,
    Seed,
    Timeout,
    Trials,
    TrialTimeout,
)
from storage.records.protocol import CLIP_LOSS

if TYPE_CHECKING:
    from storage.database.opening import Store
    from storage.records.requirement import Requirement
    from studies.request import StudyRequest
    from studies.run.progress import RunResult

INTERRUPTED = 130


def study(
    pipeline: Pipeline = "tiny-shapes",
    scheduler: Scheduler = None,
    steps: Steps = None,
    methods: Methods = "deepcache,tgate",
    trials: Trials = DEFAULT_TRIALS,
    storage: Storage = DEFAULT_STORAGE,
    num_samples: NumSamples = None,
    batch_size: BatchSize = None,
    seed: Seed = 0,
    sampler: Sampler = "auto",
    prompts: Prompts = None,
    model: ModelFolder = None,
    revision: Revision = None,
    scorer: Scorer = None,
    guidance: Guidance = None,
    size: Size = None,
    dtype: Dtype = None,
    negative_prompt: NegativePrompt = None,
    scheduler_option: SchedulerOption = None,
    lora: LoraFile = None,
    metrics: Metrics = "",
    weights: WeightsFile = None,
    loss: Loss = CLIP_LOSS,
    device: Device = "auto",
    timeout: Timeout = None,
    trial_timeout: TrialTimeout = None,
    req_speedup: ReqSpeedup = None,
    req_time: ReqTime = None,
    req_score_loss: ReqScoreLoss = None,
    budget: Budget = None,
    allow_version_drift: AllowVersionDrift = False,
    no_screening: NoScreening = False,
    no_confirm: NoConfirm = False,
    retry_failed: RetryFailed = False,
    as_json: AsJson = False,
) -> None:
    """Run or resume one study: measure points and show their front."""
    from accelfront.screen.tables import print_json
    from objectives.pipelines.catalogue import find_pipeline
    from objectives.settings.words import read_settings
    from storage.records.requirement import Requirement
    from studies.budgets import read_budgets
    from studies.plan import check_request
    from studies.planning.weights import read_weights
    from studies.request import StudyRequest

    loss_budget, conditions = read_budgets(budget or (), req_score_loss).beside(loss)
    requirement = Requirement(speedup=req_speedup, latency_s=req_time)
    entry = find_pipeline(pipeline)
    request = StudyRequest(
        pipeline=pipeline,
        scheduler=scheduler or entry.usual_scheduler,
        steps=entry.steps if steps is None else steps,
        methods=names_in(methods),
        trials=trials,
        num_samples=num_samples,
        batch_size=batch_size,
        seed=seed,
        sampler=sampler,
        prompts=prompts,
        model=model,
        revision=revision,
        scorer=scorer,
        metrics=names_in(metrics),
        weights=read_weights(weights or ()),
        loss=loss,
        generation=read_settings(guidance, size, dtype, negative_prompt, scheduler_option, lora),
        device=device,
        timeout_s=timeout,
        trial_timeout_s=trial_timeout,
        requirement=requirement,
        loss_budget=loss_budget,
        conditions=conditions,
        allow_version_drift=allow_version_drift,
        screening=not no_screening,
        confirm=not no_confirm,
        retry_failed=retry_failed,
    )
    check_request(request)
    outcome, store = _run(request, storage)
    if as_json:
        print_json([outcome.study.as_json()])
    else:
        _show(outcome, store, requirement)
    if outcome.reason == "interrupt":
        raise typer.Exit(INTERRUPTED)


def _run(request: StudyRequest, storage: str) -> tuple[RunResult, Store]:
    """Run the study with a live view, and report its end."""
    from accelfront.cli.process import prepare_process

    prepare_process()
    from accelfront.screen.run_summary import run_summary
    from accelfront.screen.view import StudyView
    from storage.database.opening import open_store
    from studies.plan import make_plan
    from studies.run.runner import run_study

    plan = make_plan(request)
    try:
        with StudyView(plan.study_name) as view:
            store = open_store(storage, create=True, tell=view.tell)
            outcome = run_study(plan, store, view)
    except KeyboardInterrupt:
        print("Interrupted; the same command resumes the study.", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    for line in run_summary(outcome, store):
        print(line, file=sys.stderr)
    return outcome, store


def _show(outcome: RunResult, store: Store, requirement: Requirement) -> None:
    """Show the front, and what to use of it."""
    from accelfront.screen.commands import Commands
    from accelfront.screen.models import ModelNames
    from accelfront.screen.plot import front_plot
    from accelfront.screen.tables import front_table
    from accelfront.screen.terminal import console
    from accelfront.screen.verdict import show, verdict
    from storage.reading.studies import read_studies

    title = ModelNames([outcome.study]).below(outcome.study.title, outcome.study)
    console().print(front_table(outcome.study, title), front_plot(outcome.study))
    commands = Commands(read_studies(store), named_file(store.name))
    show(verdict(outcome.study, commands, requirement))
