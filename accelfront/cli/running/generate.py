"""`accelfront generate`: what runs a measured point elsewhere, for tasks."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from accelfront.cli.generation_options import (
    Dtype,
    Guidance,
    LoraFile,
    NegativePrompt,
    SchedulerOption,
    Size,
)
from accelfront.cli.metric_options import SearchedLoss, SearchedMetrics, SearchedWeights
from accelfront.cli.options import DEFAULT_STORAGE, AsJson, Storage, names_in
from accelfront.cli.task_options import (
    ByPolicy,
    Easy,
    Hard,
    Kind,
    LoadedModel,
    MeasuredOn,
    MostTrials,
    Out,
    SearchedSamples,
    SearchedScorer,
    SearchMissing,
    TaskFile,
    Tasks,
)
from storage.records.protocol import CLIP_LOSS

if TYPE_CHECKING:
    from generator.artefacts.emit import Emitter, TaskResult
    from generator.choice import Scope
    from generator.tasks.task import Task
    from generator.tasks.task_files import Unparsed
    from objectives.settings.generation import GenerationSettings
    from storage.database.opening import Store
    from storage.records.study import Study

IN_PART, INTERRUPTED = 3, 130


def generate(
    task: Tasks = None,
    tasks: TaskFile = None,
    kind: Kind = "script",
    out: Out = Path("scripts"),
    storage: Storage = DEFAULT_STORAGE,
    policy: ByPolicy = "fastest",
    easy: Easy = 0.8,
    hard: Hard = 1.2,
    device: MeasuredOn = "auto",
    model: LoadedModel = None,
    search_missing: SearchMissing = False,
    trials: MostTrials = 32,
    num_samples: SearchedSamples = None,
    scorer: SearchedScorer = None,
    metrics: SearchedMetrics = "",
    weights: SearchedWeights = None,
    loss: SearchedLoss = CLIP_LOSS,
    guidance: Guidance = None,
    size: Size = None,
    dtype: Dtype = None,
    negative_prompt: NegativePrompt = None,
    scheduler_option: SchedulerOption = None,
    lora: LoraFile = None,
    as_json: AsJson = False,
) -> None:
    """Write a file for each task that a measured trial meets; exit code 3 if a task has none."""
    from accelfront.cli.output import put_out
    from accelfront.cli.running.search import StudySearch
    from accelfront.screen.tables import print_json
    from generator.artefacts.emit import Emitter
    from generator.bounds import difficulty
    from generator.choice import Rules
    from objectives.settings.words import read_settings
    from studies.planning.weights import read_weights

    settings = read_settings(guidance, size, dtype, negative_prompt, scheduler_option, lora)
    asked = [_under(each, settings) for each in _read(task or [], tasks)]
    if model is not None and Path(model).is_dir():
        # Scripts run from anywhere.
        model = str(Path(model).resolve())
    # Check the shares before anything is done.
    difficulty(1.0, easy, hard)
    scope = _scope(device, model)
    store = _open(storage, search_missing)
    search = StudySearch(
        store=store,
        scope=scope,
        device=device,
        model=model,
        trials=trials,
        num_samples=num_samples,
        scorer=scorer,
        metrics=names_in(metrics),
        weights=read_weights(weights or ()),
        loss=loss,
    )
    emitter = Emitter(
        store=store,
        studies={study.name: study for study in _studies(store)},
        scope=scope,
        rules=Rules(policy, easy, hard),
        search=search,
        put=put_out,
        out=_writable(out),
        kind=kind,
        model=model,
        search_missing=search_missing,
    )
    outcomes, interrupted = _emit(emitter, asked)
    if as_json:
        print_json([outcome.as_json() for outcome in outcomes])
    else:
        _show(outcomes)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if any(outcome.status != "emitted" for outcome in outcomes):
        raise typer.Exit(IN_PART)


def _emit(emitter: Emitter, asked: Sequence[Task | Unparsed]) -> tuple[list[TaskResult], bool]:
    """The results of the tasks, and whether Ctrl-C left some of them out."""
    outcomes: list[TaskResult] = []
    try:
        for each in asked:
            outcomes.append(emitter.emit(each))
    except KeyboardInterrupt:
        print("Interrupted; run the same command again for the rest.", file=sys.stderr)
        return outcomes, True
    return outcomes, False


def _under(task: Task | Unparsed, settings: GenerationSettings) -> Task | Unparsed:
    """A task with the settings of the command line, if it names none itself."""
    from generator.tasks.task_files import Unparsed

    if isinstance(task, Unparsed):
        return task
    return task.model_copy(update={"settings": task.settings.over(settings)})


def _tell(words: str) -> None:
    print(words, file=sys.stderr)


def _read(sentences: Sequence[str], file: Path | None) -> list[Task | Unparsed]:
    """All tasks, with those of the command line first.

    Raises:
        InputError: If there is none, or the file cannot be read.
    """
    from generator.tasks.task import read_task
    from generator.tasks.task_files import Unparsed, read_tasks
    from objectives.errors import InputError

    asked: list[Task | Unparsed] = []
    for text in sentences:
        try:
            asked.append(read_task(text))
        except InputError as error:
            asked.append(Unparsed(text, str(error)))
    if file is not None:
        asked += read_tasks(file)
    if not asked:
        raise InputError(
            "a task is missing; write one in quotes, such as "
            '"tiny-shapes, 20 steps, deepcache, at least 1.5x", or give --tasks FILE'
        )
    return asked


def _scope(device: str, model: str | None) -> Scope:
    from generator.choice import Scope
    from objectives.errors import InputError
    from objectives.model_files.hub import ADDRESS
    from objectives.pipelines.model import fingerprints
    from objectives.timing.device import names_meant

    if model is None or (ADDRESS.fullmatch(model) and not Path(model).is_dir()):
        return Scope(names_meant(device), model)
    if not Path(model).is_dir():
        raise InputError(
            f"--model {model} is neither a folder nor an address such as owner/name; give "
            "a folder in diffusers layout or an address"
        )
    # The fingerprint identifies a folder, which may have been measured under another name.
    return Scope(names_meant(device), fingerprints(Path(model)))


def _open(storage: str, search_missing: bool) -> Store:
    """Open the storage; if nobody named one and there is none yet, return one without studies."""
    from storage.database.opening import empty_store, open_store
    from storage.errors import NoDatabaseError

    try:
        # A search is a worker, so it waits for a database that is away.
        return open_store(storage, create=search_missing, tell=_tell if search_missing else None)
    except NoDatabaseError:
        if storage != DEFAULT_STORAGE:
            raise
        return empty_store(storage)


def _studies(store: Store) -> list[Study]:
    """All studies; if there are none, each task is answered with the command that makes its own."""
    from accelfront.cli.reading.stored import read
    from storage.errors import NoStudiesError

    try:
        return read(store)
    except NoStudiesError:
        return []


def _writable(folder: Path) -> Path:
    """Return the folder, made if it is missing.

    Raises:
        InputError: If no file can be written there.
    """
    from objectives.errors import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise InputError(
            f"cannot write into {folder}: {error.strerror}; name another folder with --out"
        ) from error


def _show(outcomes: Sequence[TaskResult]) -> None:
    """Show what was written, then the tasks that got none and the reasons."""
    from accelfront.screen.tables import loss_column, plain_table
    from accelfront.screen.terminal import console
    from generator.tasks.lexer import quote
    from storage.records.conclusions.words import loss_share, share_text

    screen = console(highlight=False)
    chosen = [each.chosen for each in outcomes if each.chosen is not None]
    written = plain_table(
        "#", "speedup", loss_column(each.study for each in chosen), "inside", "difficulty"
    )
    left = plain_table("#")
    for column in ("status", "difficulty", "task and reason"):
        left.add_column(column, justify="left", overflow="fold")
    for number, outcome in enumerate(outcomes, 1):
        hard = outcome.difficulty or "-"
        if outcome.status == "emitted" and outcome.chosen:
            trial, inside = outcome.chosen.trial, share_text(outcome.chosen.chance_inside)
            figures = f"{trial.judged_speedup:.2f}x", loss_share(trial.judged_loss), inside
            written.add_row(str(number), *figures, hard)
        else:
            reason = f"{quote(outcome.task)}\n{outcome.reason}"
            left.add_row(str(number), outcome.status, hard, reason)
    for table in (written, left):
        if table.row_count:
            screen.print(table)
    for number, outcome in enumerate(outcomes, 1):
        # On one line, for copying.
        if outcome.path is not None:
            screen.print(f"{number}: {outcome.path}", soft_wrap=True)
        if outcome.command:
            screen.print(f"{number}: {outcome.command}", soft_wrap=True)
        elif outcome.status == "emitted" and outcome.reason:
            print(f"{number}: {outcome.reason}", file=sys.stderr)
