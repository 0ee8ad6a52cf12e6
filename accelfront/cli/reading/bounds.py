"""`accelfront bounds`: the greatest speedup of each study inside its budgets."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from accelfront.cli.options import DEFAULT_STORAGE, AsJson, Budget, Storage, named_storage

if TYPE_CHECKING:
    from rich.table import Table

    from generator.bounds import Bound
    from storage.records.study import Study

LossBudget = Annotated[
    float | None,
    typer.Option(
        "--req-score-loss",
        help="The loss budget: the greatest CLIP loss allowed, such as 0.02 for 2%. Default: each "
        "study's.",
    ),
]

OneStudy = Annotated[str | None, typer.Argument(help="Read this study only.")]


def bounds(
    study: OneStudy = None,
    storage: Storage = DEFAULT_STORAGE,
    req_score_loss: LossBudget = None,
    budget: Budget = None,
    as_json: AsJson = False,
) -> None:
    """Show the greatest measured speedup of each study inside all its budgets."""
    from accelfront.screen.plot import bounds_plot
    from accelfront.screen.tables import doubts, print_json, weakness_text
    from accelfront.screen.terminal import console
    from generator.bounds import Bound, weak_baselines

    records = read_at(storage, study, req_score_loss, budget)
    found = [Bound.of(record) for record in records]
    if as_json:
        print_json(
            [
                {**bound.as_json(), "command": onward(bound.study, storage) or None}
                for bound in found
            ]
        )
        return
    console().print(_table(found), bounds_plot(found))
    for line in [*map(weakness_text, weak_baselines(records)), *doubts(records)]:
        console().print(line, highlight=False, markup=False)
    report_unreached(records, storage)


def onward(study: Study, storage: str) -> str:
    """The command that measures more of a study with few points; empty if it has enough."""
    from generator.bounds import is_searched
    from storage.database.opening import open_store
    from studies.commands import going_on, study_command

    if is_searched(study):
        return ""
    return study_command(going_on(study), named_storage(open_store(storage).name))


def report_unreached(studies: Iterable[Study], storage: str) -> None:
    """Name the studies with few points on stderr, each with the command that measures more."""
    from generator.bounds import reach_text

    for study in studies:
        if command := onward(study, storage):
            print(
                f"{study.name}: not reached yet, {reach_text(study)}; to measure more:",
                file=sys.stderr,
            )
            print(command, file=sys.stderr)


def read_at(
    storage: str, study: str | None, loss_budget: float | None, budget: Sequence[str] | None
) -> list[Study]:
    """Read studies, with other budgets than their own where some are given.

    Raises:
        InputError: If one of them is no budget.
        StorageError: If there is no such database or study.
    """
    from accelfront.cli.reading.stored import read
    from objectives.errors import InputError
    from storage.database.opening import open_store
    from studies.budgets import read_budgets

    if loss_budget is not None and not -1 < loss_budget < 1:
        raise InputError(
            "--req-score-loss is a share of the baseline's score between -1 and 1, such as 0.02 "
            f"for 2%; it is {loss_budget:g}"
        )
    asked = read_budgets(budget or (), loss_budget)
    records = read(open_store(storage), study)
    return [record.under(asked.over(record.budgets)) for record in records]


def _table(found: list[Bound]) -> Table:
    from accelfront.screen.models import ModelNames
    from accelfront.screen.rivals import FEWER_STEPS, VS_LOSSLESS, rival_lines
    from accelfront.screen.tables import (
        AGAIN,
        combination_text,
        plain_table,
        searched_params,
        speedup_text,
    )
    from generator.bounds import is_searched, reach_text
    from storage.records.combination import StudyName

    table = plain_table("bound", "CLIP loss", "budget", "#")
    table.add_column("parameters", justify="left", overflow="fold")
    table.add_column("study", justify="left", overflow="fold")
    models = ModelNames(bound.study for bound in found)
    lines: list[str] = []
    for bound in found:
        study, trial = bound.study, bound.trial
        cells = [
            "none" if is_searched(study) else "none yet",
            "-",
            "\n".join([f"{study.loss_budget:.1%}", *study.budgets.conditions_in_words]),
            "-",
            reach_text(study),
        ]
        if trial is not None:
            measured = trial.measurements
            cells[0] = "\n".join(map(speedup_text, measured))
            cells[1] = "\n".join(
                f"{'* ' if each.clip_loss > study.loss_budget else ''}{each.clip_loss:.1%}"
                for each in measured
            )
            beside = rival_lines(study.rivals, trial)
            lines += beside
            cells[3:] = str(trial.number), "\n".join([searched_params(study, trial), *beside])
        pipeline, scheduler, steps, methods = combination_text(study)
        # The digest tells studies of one combination apart.
        digest = StudyName.read(study.name).digest
        table.add_row(
            *cells, models.below(f"{pipeline} {scheduler} {steps}\n{methods}\n{digest}", study)
        )
    table.caption = "bound: the greatest speedup inside all budgets, and its interval at 95%"
    for note in (VS_LOSSLESS, FEWER_STEPS):
        if any(line.startswith(note.partition(":")[0]) for line in lines):
            table.caption += f"\n{note}"
    if any(bound.trial is not None and bound.trial.confirmed is not None for bound in found):
        table.caption += f"\n{AGAIN}, and judged by that; * over the loss budget"
    table.caption_justify = "left"
    return table
