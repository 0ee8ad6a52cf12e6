"""Searching from Python: `accelfront.search`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from accelfront.api.arguments import checked
from accelfront.api.asking import Budget, asked_budgets, names_of, option_texts, prompts_file
from accelfront.api.errors import told
from accelfront.api.reading import storage_url
from accelfront.api.running import quiet, run
from accelfront.api.study import Study
from accelfront.defaults import DEFAULT_TRIALS
from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.given import GivenPipe, take_pipe
from objectives.settings.generation import Setting
from objectives.settings.words import read_settings
from storage.records.protocol import CLIP_LOSS
from storage.records.requirement import Requirement
from studies.request import StudyRequest


@checked
def search(
    pipe: Any,
    methods: str | Sequence[str] = ("deepcache", "tgate"),
    *,
    prompts: str | Path | Sequence[str] | None = None,
    budget: Mapping[str, Budget] | None = None,
    trials: int = DEFAULT_TRIALS,
    storage: str | None = None,
    steps: int | None = None,
    scheduler: str | None = None,
    guidance: float | None = None,
    size: tuple[int, int] | list[int] | str | None = None,
    dtype: str | torch.dtype | None = None,
    negative_prompt: str | None = None,
    scheduler_options: Mapping[str, Setting] | None = None,
    loras: Sequence[str | Path] = (),
    num_samples: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    sampler: str = "auto",
    scorer: str | None = None,
    metrics: str | Sequence[str] = (),
    weights: Mapping[str, str | Path] | None = None,
    loss: str = CLIP_LOSS,
    model: str | Path | None = None,
    revision: str | None = None,
    device: str | None = None,
    speedup: float | None = None,
    latency_s: float | None = None,
    timeout_s: float | None = None,
    trial_timeout_s: float | None = None,
    screening: bool = True,
    confirm: bool = True,
    retry_failed: bool = False,
    allow_version_drift: bool = False,
    progress: bool = True,
) -> Study:
    """Run or resume one study, as `accelfront study` does; the same call resumes it.

    The first interrupt (Ctrl-C, or a notebook's stop) lets the running trial finish and returns the
    study so far, with `ended` set to `interrupt`. A second one raises KeyboardInterrupt at once, as
    does one before the study is ready, when there is nothing to return yet. All measurements are
    kept.

    Args:
        pipe: The name of a pipeline of the catalogue, or a loaded diffusers pipeline. That one is
            measured as it is, with its weights, its scheduler, its dtype and its device, and is
            left exactly as it was.
        methods: The methods to stack, as names or as one text with commas.
        prompts: A file of prompts, or the prompts themselves; None means the pipeline's.
        budget: The greatest loss by metric, such as `{"clip_loss": 0.02, "memory": "20GiB"}`.
        trials: The number of distinct points to measure, over all runs of the study.
        storage: Where the study is kept, as `accelfront.open` takes it.
        steps: num_inference_steps; None means the pipeline's.
        scheduler: DDIM, DPM-Solver++, UniPC, FlowMatchEuler or a class of diffusers; None means the
            scheduler of a loaded pipeline, or otherwise its family's.
        guidance: The guidance scale; None means the pipeline's.
        size: (width, height) in pixels; None means the size that the model was made for.
        dtype: fp16, bf16 or fp32, or torch's own; None means the pipeline's on the device.
        negative_prompt: What pictures are guided away from.
        scheduler_options: Arguments of the scheduler to change, by name.
        loras: LoRAs to fuse into the weights of a named pipeline, as `--lora` takes them.
        num_samples: The number of prompts, one picture each; None means the pipeline's.
        batch_size: The number of pictures drawn together; None means the pipeline's.
        seed: The seed of the noise, of the draw of prompts and of the sampler.
        sampler: How points are chosen: auto, grid, gp, tpe, nsga2 or random.
        scorer: The open_clip model that scores; None means the pipeline's.
        metrics: Metrics to measure in addition to the usual ones, named as in `methods`.
        weights: By metric, the file that its model is loaded from, such as
            `{"lpips": "alexnet.pth"}`; None means what its library fetched before.
        loss: The metric whose loss the search weighs against the speedup.
        model: A folder in diffusers layout or an address, in place of the pipeline's model.
        revision: The branch, tag or commit of an address.
        device: auto, cpu, cuda or cuda:N; None means auto.
        speedup: End at the first point that is surely this much faster inside the budgets.
        latency_s: End at the first point that surely needs no more seconds per picture.
        timeout_s: Start no trial after this many seconds.
        trial_timeout_s: Fail a trial that takes longer.
        screening: Give bad points up after a few prompts.
        confirm: Measure the best points again on unseen prompts.
        retry_failed: Measure points again that failed before.
        allow_version_drift: Resume although libraries have changed since the study began.
        progress: Show a bar.

    Raises:
        AccelfrontError: If that cannot be done as asked, or fails; the text says why.
        KeyboardInterrupt: At a second interrupt, or at one before the study is ready.
    """
    with told(), quiet():
        given = None if isinstance(pipe, str) else take_pipe(pipe)
        if given is not None:
            _refuse_other(given, model=model, revision=revision, device=device, dtype=dtype)
        loss_budget, conditions = asked_budgets(budget).beside(loss)
        entry = find_pipeline(pipe) if given is None else given.entry
        request = StudyRequest(
            pipeline=pipe if given is None else entry.name,
            scheduler=scheduler or (entry.usual_scheduler if given is None else given.scheduler),
            steps=entry.steps if steps is None else steps,
            methods=names_of(methods),
            trials=trials,
            num_samples=num_samples,
            batch_size=batch_size,
            seed=seed,
            sampler=sampler,
            prompts=prompts_file(prompts),
            model=None if model is None else str(model),
            revision=revision,
            scorer=scorer,
            metrics=names_of(metrics),
            weights={name: Path(file) for name, file in (weights or {}).items()},
            loss=loss,
            generation=read_settings(
                guidance,
                size if size is None or isinstance(size, str) else "x".join(map(str, size)),
                _dtype_name(dtype) if given is None else given.dtype,
                negative_prompt,
                option_texts(scheduler_options),
                list(map(str, loras)),
            ),
            device=(device or "auto") if given is None else str(given.device),
            timeout_s=timeout_s,
            trial_timeout_s=trial_timeout_s,
            requirement=Requirement(speedup, latency_s),
            loss_budget=loss_budget,
            conditions=conditions,
            allow_version_drift=allow_version_drift,
            screening=screening,
            confirm=confirm,
            retry_failed=retry_failed,
        )
        return run(request, given, storage_url(storage), progress)


def _dtype_name(given: str | torch.dtype | None) -> str | None:
    """The name of a type of weights, also of one of torch's."""
    return None if given is None else str(given).removeprefix("torch.")


def _refuse_other(given: GivenPipe, **asked: Any) -> None:
    """Raise InputError if an argument contradicts a loaded pipeline."""
    for name, value in asked.items():
        if value is not None:
            raise InputError(
                f"a loaded pipe is measured as it is, on {given.device} in {given.dtype}; leave "
                f"{name} out, or give the name of a pipeline and not the pipe"
            )
