"""`accelfront study`: run or resume one study."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

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
    NoConfirm,
    NoScreening,
    RetryFailed,
    Storage,
    named_file,
    names_in,
)
from storage.records.protocol import CLIP_LOSS

INTERRUPTED = 130


def study(
    pipeline: Pipeline = "tiny-shapes",
    scheduler: Scheduler = None,
    steps: Steps = None,
    methods: Methods = "deepcache,tgate",
    trials: Annotated[
        int, typer.Option(help="Number of distinct points to measure, over all runs of the study.")
    ] = DEFAULT_TRIALS,
    storage: Storage = DEFAULT_STORAGE,
    num_samples: Annotated[
        int | None,
        typer.Option(help="Number of prompts, one picture each. Default: the pipeline's."),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Number of pictures generated together. Default: the pipeline's."),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the noise, of the draw of prompts and of the sampler.")
    ] = 0,
    sampler: Sampler = "auto",
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="A .txt, .tsv, .csv or .jsonl file; --seed draws the prompts from it. "
            "Default: the pipeline's."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A folder in diffusers layout, or an address on the Hugging Face Hub. "
            "Default: the pipeline's."
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="The branch, tag or commit of an address.")
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(
            help="The open_clip model that scores: ARCHITECTURE:TAG, ARCHITECTURE:FILE, a folder, "
            "or tiny-shapes. Default: the pipeline's."
        ),
    ] = None,
    guidance: Guidance = None,
    size: Size = None,
    dtype: Dtype = None,
    negative_prompt: NegativePrompt = None,
    scheduler_option: SchedulerOption = None,
    lora: LoraFile = None,
    metrics: Metrics = "",
    weights: WeightsFile = None,
    loss: Loss = CLIP_LOSS,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    timeout: Annotated[
        float | None, typer.Option(help="Start no trial after this many seconds.")
    ] = None,
    trial_timeout: Annotated[
        float | None,
        typer.Option(help="Fail a trial that takes longer than this many seconds."),
    ] = None,
    req_speedup: Annotated[
        float | None,
        typer.Option(
            help="End at the first point that is this many times faster inside the loss budget."
        ),
    ] = None,
    req_time: Annotated[
        float | None,
        typer.Option(
            help="End at the first point inside the loss budget that needs at most this many "
            "seconds per picture, in batches of --batch-size."
        ),
    ] = None,
    req_score_loss: Annotated[
        float | None,
        typer.Option(
            help="The greatest CLIP loss allowed, such as 0.02 for 2%; as --budget clip_loss=2%."
        ),
    ] = None,
    budget: Budget = None,
    allow_version_drift: Annotated[
        bool,
        typer.Option(
            "--allow-version-drift",
            help="Resume although library versions changed since the study began.",
        ),
    ] = False,
    no_screening: NoScreening = False,
    no_confirm: NoConfirm = False,
    retry_failed: RetryFailed = False,
    as_json: AsJson = False,
) -> None:
    """Run or resume one study: measure points and show their front."""
    from accelfront.cli.process import prepare_process
    from objectives.pipelines.catalogue import find_pipeline
    from objectives.settings.words import read_settings
    from storage.records.requirement import Requirement
    from studies.budgets import read_budgets
    from studies.plan import check_request, make_plan
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
    prepare_process()
    from accelfront.screen.commands import Commands
    from accelfront.screen.models import ModelNames
    from accelfront.screen.plot import front_plot
    from accelfront.screen.run_summary import run_summary
    from accelfront.screen.tables import front_table, print_json
    from accelfront.screen.terminal import console
    from accelfront.screen.verdict import show, verdict
    from accelfront.screen.view import StudyView
    from storage.database.opening import open_store
    from storage.reading.studies import read_studies
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
    if as_json:
        print_json([outcome.study.as_json()])
    else:
        title = ModelNames([outcome.study]).below(outcome.study.title, outcome.study)
        console().print(front_table(outcome.study, title), front_plot(outcome.study))
        commands = Commands(read_studies(store), named_file(store.name))
        show(verdict(outcome.study, commands, requirement))
    if outcome.reason == "interrupt":
        raise typer.Exit(INTERRUPTED)
