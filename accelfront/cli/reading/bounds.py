"""`accelfront bounds`: the answer of each study, the greatest speedup inside its budgets."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from accelfront.cli.completing import stored_studies
from accelfront.cli.options import DEFAULT_STORAGE, AsJson, Budget, Storage, named_storage

if TYPE_CHECKING:
    from rich.table import Table

    from storage.records.study import Study

LossBudget = Annotated[
    float | None,
    typer.Option(
        "--req-score-loss",
        help="The loss budget: the greatest CLIP loss allowed, such as 0.02 for 2%. Default: each "
        "study's.",
    ),
]

OneStudy = Annotated[
    str | None,
    typer.Argument(
        help="Read this study only: its name, label or digest.", autocompletion=stored_studies
    ),
]


def bounds(
    study: OneStudy = None,
    storage: Storage = DEFAULT_STORAGE,
    req_score_loss: LossBudget = None,
    budget: Budget = None,
    as_json: AsJson = False,
) -> None:
    """Show the answer of each study: the fastest point that is almost surely inside all budgets.

    A bolder point is shown with it, with its chance to break a budget.
    """
    from accelfront.screen.plot import answers_plot
    from accelfront.screen.tables import doubts, print_json, weakness_text
    from accelfront.screen.terminal import console
    from generator.bounds import bounds_json, weak_baselines

    records = read_at(storage, study, req_score_loss, budget)
    if as_json:
        print_json(
            [
                {**bounds_json(record), "command": onward(record, storage) or None}
                for record in records
            ]
        )
        return
    console().print(_table(records), answers_plot(records))
    for line in [*_beside(records), *map(weakness_text, weak_baselines(records)), *doubts(records)]:
        console().print(line, highlight=False, markup=False)
    report_unreached(records, storage)


def onward(study: Study, storage: str) -> str:
    """The command that measures more of a study with gaps; empty if it has none."""
    from accelfront.screen.budgeted import unmeasured_metrics
    from generator.bounds import is_searched
    from storage.database.opening import open_store
    from studies.commands import onward_command

    lacking = unmeasured_metrics(study)
    if is_searched(study) and not lacking:
        return ""
    return onward_command(study, named_storage(open_store(storage).name), lacking)


def report_unreached(studies: Iterable[Study], storage: str) -> None:
    """Name on stderr the studies that lack points or figures, with commands to measure them."""
    from accelfront.screen.budgeted import unmeasured_metrics, unmeasured_words
    from generator.bounds import reach_text

    for study in studies:
        if command := onward(study, storage):
            words = f"not reached yet, {reach_text(study)}; to measure more:"
            if unmeasured_metrics(study):
                words = f"{unmeasured_words(study)}; to measure it:"
            print(f"{study.name}: {words}\n{command}", file=sys.stderr)


def read_at(
    storage: str, study: str | None, loss_budget: float | None, budget: Sequence[str] | None
) -> list[Study]:
    """Read studies, under other budgets than their own if some are given.

    Raises:
        InputError: If a budget is invalid.
        StorageError: If there is no such database or study.
    """
    from accelfront.cli.reading.stored import read
    from storage.database.opening import open_store
    from studies.budgets import read_budgets

    # Before a database is opened, which an invalid budget does not need.
    read_budgets(budget or (), loss_budget)
    return judged_under(read(open_store(storage), study), budget, loss_budget)


def judged_under(
    studies: Iterable[Study], budget: Sequence[str] | None, clip_loss: float | None = None
) -> list[Study]:
    """Judge studies by other budgets than their own, if some are given.

    Args:
        studies: The studies.
        budget: Budgets as `--budget` takes them.
        clip_loss: The greatest CLIP loss, if it was given by itself.

    Raises:
        InputError: If a budget is invalid.
    """
    from studies.budgets import read_budgets

    asked = read_budgets(budget or (), clip_loss)
    return [study.under(asked.over(study.budgets)) for study in studies]


def _beside(studies: Sequence[Study]) -> list[str]:
    """Notes on the answers: bolder points, and why there is no answer."""
    from accelfront.screen.budgeted import unmeasured
    from storage.records.conclusions.words import sentence

    lines = []
    for study in studies:
        if unmeasured(study):
            continue
        found = study.conclusion
        words = found.in_words() if found.answer is None else sentence(found.bolder_in_words)
        if found.answer is None or found.bolder is not None:
            lines.append(f"{study.name}: {words}")
    return lines


def _table(studies: Sequence[Study]) -> Table:
    from accelfront.screen.models import ModelNames
    from accelfront.screen.rivals import FEWER_STEPS, VS_LOSSLESS, rival_lines
    from accelfront.screen.tables import AGAIN, INSIDE, combination_text, loss_column, plain_table

    table = plain_table("answer", loss_column(studies).replace(" ", "\n"), "inside", "budget", "#")
    # Its interval breaks last.
    table.columns[0].no_wrap = True
    table.add_column("parameters", justify="left", overflow="fold")
    table.add_column("study", justify="left", overflow="fold")
    models = ModelNames(studies)
    lines: list[str] = []
    for study in studies:
        beside = [] if study.answer is None else rival_lines(study.rivals, study.answer)
        lines += beside
        pipeline, scheduler, steps, methods = combination_text(study)
        # The digest distinguishes studies of one combination.
        digest = study.short_name
        words = models.below(f"{pipeline} {scheduler} {steps}\n{methods}\n{digest}", study)
        table.add_row(*_cells(study, beside), words)
    notes = {
        "answer: the fastest point that is almost surely inside; intervals at 95%": True,
        INSIDE: True,
        **{note: _is_told(note, lines) for note in (VS_LOSSLESS, FEWER_STEPS)},
        f"{AGAIN}; * over the loss budget": any(
            study.answer is not None and study.answer.confirmed is not None for study in studies
        ),
    }
    table.caption = "\n".join(note for note, is_due in notes.items() if is_due)
    table.caption_justify = "left"
    return table


def _cells(study: Study, beside: Sequence[str]) -> list[str]:
    """A study's answer, its loss, its chance, the budgets, the trial and its parameters."""
    from accelfront.screen.budgeted import unmeasured_words
    from accelfront.screen.tables import searched_params, speedup_text
    from generator.bounds import is_searched, reach_text
    from storage.records.conclusions.words import loss_share, share_text

    budgets = "\n".join(study.budgets.listed)
    answer = study.answer
    if answer is None:
        none = "none" if is_searched(study) else "none yet"
        return [none, "-", "-", budgets, "-", unmeasured_words(study) or reach_text(study)]
    losses = (
        f"{'* ' if loss > study.loss_budget else ''}{loss_share(loss)}"
        for loss in (answer.lost(each).value for each in answer.measurements)
    )
    return [
        "\n".join(map(speedup_text, answer.measurements)),
        "\n".join(losses),
        share_text(answer.chance_inside(study.budgets)),
        budgets,
        str(answer.number),
        "\n".join([searched_params(study, answer), *beside]),
    ]


def _is_told(note: str, lines: Sequence[str]) -> bool:
    """Whether a line contains what a note explains."""
    return any(line.startswith(note.partition(":")[0]) for line in lines)
