"""The `accelfront study` commands that people are shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from objectives.model_files.fingerprint import is_loaded
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.model import foreign_model
from objectives.settings.generation import GenerationSettings
from objectives.settings.measured import settings_of
from objectives.settings.words import setting_words
from objectives.timing.device import is_cpu
from storage.records.budgets import CLIP_LOSS
from storage.records.protocol import METRICS as USUAL
from storage.records.study import Study
from studies.budgets import budget_words
from studies.files import given_weights
from studies.planning.metrics import WHERE_THEY_WORK
from studies.request import StudyRequest

ONWARD_IN_PYTHON = (
    "accelfront.search(pipe, ...) in Python, called as before with the same pipe and more trials"
)
"""How to resume a study of a pipeline that a person loaded: no command can load it."""

MORE = 16
"""The fewest points that a command asks for; usually it asks for twice as many as measured."""


def study_words(request: StudyRequest, storage: str | None = None) -> list[str]:
    """Return the options of a command, each with its value, quoted for a shell.

    Args:
        request: The study. Options at their defaults are left out, except those naming the study.
        storage: The URL of the database; None is the command's default.
    """
    return [shlex.join(words) for words in _options(request, storage)]


def study_command(request: StudyRequest, storage: str | None = None) -> str:
    """Return the command that runs a study, on one line; see `study_words`."""
    return " ".join(["accelfront study", *study_words(request, storage)])


def onward_command(record: Study, storage: str | None = None, metrics: Iterable[str] = ()) -> str:
    """Return how to measure more of a stored study, on one line: a command or a Python call.

    Args:
        record: The study.
        storage: As `study_words` takes it.
        metrics: Metrics to add to the study.
    """
    if is_loaded(record.protocol.model):
        return ONWARD_IN_PYTHON
    request = going_on(record)
    gained = replace(request, metrics=tuple(dict.fromkeys([*request.metrics, *metrics])))
    return study_command(gained, storage)


def going_on(record: Study) -> StudyRequest:
    """Return the request that resumes a stored study.

    A study keeps the paths of the prompts and the scorer that a person gave. Earlier releases kept
    only names; the command then looks for these files in the working folder.
    """
    protocol, combination = record.protocol, record.combination
    entry = PIPELINES.get(combination.pipeline)
    given = {
        name: fingerprinted.rpartition("@")[0] or fingerprinted
        for name, fingerprinted in (("prompts", protocol.prompts), ("scorer", protocol.scorer))
    }
    usual = {} if entry is None else {"prompts": entry.prompts.name, "scorer": entry.scorer}
    # The name of an embedded scorer is that of its folder.
    if given["scorer"].endswith("/scorer") and usual.get("scorer") == "tiny-shapes":
        given["scorer"] = usual["scorer"]
    own = {name: each for name, each in given.items() if each != usual.get(name)}
    own |= record.files
    done, distinct = len(record.trials), record.space.distinct
    return StudyRequest(
        pipeline=combination.pipeline,
        scheduler=combination.scheduler,
        steps=combination.steps,
        methods=combination.methods,
        trials=min(max(MORE, 2 * done), distinct),
        num_samples=protocol.num_samples,
        batch_size=protocol.batch_size,
        seed=protocol.seed,
        prompts=Path(own["prompts"]) if "prompts" in own else None,
        scorer=own.get("scorer"),
        model=record.origin.folder or _address(record, entry and entry.model),
        revision=record.origin.commit,
        metrics=tuple(
            name
            for name in protocol.metrics
            if name not in (*USUAL, *WHERE_THEY_WORK, protocol.loss)
        ),
        weights=given_weights(record.files),
        loss=protocol.loss,
        generation=_settings(record),
        device="cpu" if is_cpu(record.device) else "auto",
    )


def _settings(record: Study) -> GenerationSettings:
    """Return the settings that a command names; for another model, the size too."""
    settings, protocol = settings_of(record), record.protocol
    if not foreign_model(record.combination.pipeline, protocol.model):
        return settings
    return replace(settings, size=(protocol.width, protocol.height))


def _address(record: Study, usual: Any) -> str | None:
    address = record.origin.address
    return None if address == usual else address


def _options(request: StudyRequest, storage: str | None) -> Iterator[list[str]]:
    """Yield names with values, in the order of `accelfront study --help`."""
    requirement = request.requirement
    values: dict[str, Any] = {
        "--pipeline": request.pipeline,
        "--scheduler": request.scheduler,
        "--steps": request.steps,
        "--methods": ",".join(request.methods),
        "--trials": request.trials,
        "--storage": storage,
        "--num-samples": request.num_samples,
        "--batch-size": request.batch_size,
        "--seed": request.seed or None,
        "--sampler": None if request.sampler == "auto" else request.sampler,
        "--prompts": request.prompts,
        "--model": request.model,
        "--revision": request.revision,
        "--scorer": request.scorer,
        "--metrics": ",".join(request.metrics) or None,
        "--loss": None if request.loss == CLIP_LOSS else request.loss,
        "--device": None if request.device == "auto" else request.device,
        "--timeout": request.timeout_s,
        "--trial-timeout": request.trial_timeout_s,
        "--req-speedup": requirement.speedup,
        "--req-time": requirement.latency_s,
        "--req-score-loss": request.loss_budget if request.loss == CLIP_LOSS else None,
    }
    for name, value in values.items():
        if name == "--device":
            yield from (["--weights", f"{each}={path}"] for each, path in request.weights.items())
            yield from map(list, setting_words(request.generation))
        if value is not None:
            yield [name, str(value)]
    own = {} if request.loss == CLIP_LOSS else {request.loss: request.loss_budget}
    given = {name: most for name, most in own.items() if most is not None}
    for name, most in {**given, **request.conditions}.items():
        yield ["--budget", budget_words(name, most)]
    flags = {
        "--allow-version-drift": request.allow_version_drift,
        "--retry-failed": request.retry_failed,
        "--no-screening": not request.screening,
        "--no-confirm": not request.confirm,
    }
    yield from ([name] for name, is_given in flags.items() if is_given)
