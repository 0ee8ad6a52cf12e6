"""Tables for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from storage.records import StudyRecord, TrialRecord


def print_json(content: Any) -> None:
    """Print JSON on stdout."""
    print(json.dumps(content, indent=2, ensure_ascii=False))


def plain_table(*columns: str, title: str | None = None) -> Table:
    """A table that reads as well without colours and in a file."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    return table


def front_table(study: StudyRecord) -> Table:
    """The front of a study, fastest first; points outside the loss budget are dim and marked."""
    table = plain_table("#", "speedup", "s/picture", "CLIP loss", "similar", title=study.name)
    table.add_column("parameters", justify="left")
    over_budget = False
    for trial in study.front:
        inside = trial.clip_loss <= study.loss_budget
        over_budget |= not inside
        measured = trial.measurement
        speed_low, speed_high = measured["speedup_ci"]
        loss_low, loss_high = (100 * loss for loss in measured["clip_loss_ci"])
        table.add_row(
            str(trial.number),
            f"{trial.speedup:.2f}x {speed_low:.2f}-{speed_high:.2f}",
            f"{measured['latency_s']:.3g}",
            f"{'' if inside else '* '}{trial.clip_loss:.1%} {loss_low:.1f}..{loss_high:.1f}",
            f"{measured['image_similarity']:.3f}",
            searched_params(study, trial),
            style=None if inside else "dim",
        )
    table.caption = (
        "#: the trial; intervals at 95%; similar: CLIP cosine to the baseline's pictures"
        + (f"\n* over the loss budget of {study.loss_budget:.1%}" if over_budget else "")
    )
    table.caption_justify = "left"
    return table


def searched_params(study: StudyRecord, trial: TrialRecord) -> str:
    """A point's parameters, those left out that have one choice only."""
    choices = study.space["choices"]
    return "\n".join(
        f"{name}={value:g}" for name, value in trial.params.items() if len(choices[name]) > 1
    )


def combination_text(study: StudyRecord) -> Sequence[str]:
    """The cells of a study's combination: pipeline, scheduler, steps, methods."""
    combination = study.combination
    return (
        combination["pipeline"],
        combination["scheduler"],
        str(combination["steps"]),
        "+".join(combination["methods"]),
    )
