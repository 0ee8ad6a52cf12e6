"""`accelfront diff`: two studies side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelfront.cli.completing import stored_studies
from accelfront.cli.options import DEFAULT_STORAGE, AsJson, Storage
from objectives.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from storage.records.conclusions.difference import Change, Comparison, Shared
    from storage.records.study import Study
    from storage.records.trial import Trial

NAMES = ("A", "B")

DIFFERS = "*"


def diff(
    first: Annotated[
        str,
        typer.Argument(
            metavar="A", help="A study: its name, label or digest.", autocompletion=stored_studies
        ),
    ],
    second: Annotated[
        str,
        typer.Argument(
            metavar="B", help="The study to compare with it.", autocompletion=stored_studies
        ),
    ],
    storage: Storage = DEFAULT_STORAGE,
    other: Annotated[
        str | None,
        typer.Option(
            "--other-storage",
            metavar="STORAGE",
            help="Where B is kept. Default: where A is.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two studies: of two devices, two versions or two files of prompts.

    Shows which settings differ and, for each point that both measured, whether speedup and loss
    differ beyond their intervals. Values that each study learned for itself, such as thresholds,
    are compared with the nearest ones.
    """
    from accelfront.screen.tables import print_json
    from accelfront.screen.terminal import console
    from storage.database.opening import open_store
    from storage.records.budgets import title
    from storage.records.conclusions.difference import Comparison

    place = open_store(storage)
    elsewhere = place if other is None else open_store(other)
    compared = Comparison(_read(place, first), _read(elsewhere, second))
    if place.name == elsewhere.name and compared.studies[0].name == compared.studies[1].name:
        raise InputError(f"both are {compared.studies[0].name}; give two studies")
    losses = [study.loss for study in compared.studies]
    if losses[0] != losses[1]:
        raise InputError(
            f"A searches by {title(losses[0])} and B by {title(losses[1])}; give two studies of "
            "one --loss"
        )
    if as_json:
        print_json(compared.as_json())
        return
    for name, study in zip(NAMES, compared.studies, strict=True):
        print(f"{name}: {study.title}, {_answer(study)}")
    console().print(_settings(compared))
    print(_summary(compared))
    if not compared.shared:
        return
    console().print(_points(compared))
    for name, trials in zip(NAMES, compared.alone, strict=True):
        for trial in trials:
            print(f"measured in {name} alone, and on its front: {_text(trial)}")


def _read(store: Any, name: str) -> Study:
    from accelfront.cli.reading.stored import read

    [study] = read(store, name)
    return study


def _answer(study: Study) -> str:
    from storage.records.conclusions.words import figures

    answer = study.answer
    return "no answer yet" if answer is None else f"answer {figures(answer)}"


def _text(trial: Trial) -> str:
    from storage.records.conclusions.words import figures
    from storage.records.points import point_text

    return f"{figures(trial)} ({point_text(trial.params)})"


def _settings(compared: Comparison) -> Table:
    from accelfront.screen.tables import plain_table

    table = plain_table()
    table.add_column("done otherwise", overflow="fold")
    for name in NAMES:
        table.add_column(name, overflow="fold")
    for setting, values in compared.otherwise.items():
        table.add_row(setting.replace("_", " "), *map(_value, values))
    return table


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(map(_value, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(part)}" for name, part in value.items())
    return "-" if value is None else str(value)


def _summary(compared: Comparison) -> str:
    """How many points both measured, and how many differ."""
    from accelfront.screen.counting import counted

    shared = compared.shared
    if not shared:
        return "No point was measured in both; `accelfront front STUDY` shows each study."
    faster = sum(each.speedup.differs and each.speedup.value > 1 for each in shared)
    slower = sum(each.speedup.differs and each.speedup.value < 1 for each in shared)
    better = sum(each.loss.differs and each.loss.value < 0 for each in shared)
    worse = sum(each.loss.differs and each.loss.value > 0 for each in shared)
    return (
        f"Both measured {counted(len(shared), 'point')}. Beyond the intervals, B is faster at "
        f"{faster} and slower at {slower} of them, and loses less at {better} and more at {worse}."
    )


def _points(compared: Comparison) -> Table:
    from accelfront.screen.tables import plain_table
    from storage.records.budgets import title

    lost = title(compared.studies[0].loss)
    table = plain_table("", "#", "front", "speedup", "B / A", lost, "B - A")
    table.add_column("parameters", justify="left", overflow="fold")
    for each in compared.shared:
        if any(each.on_front):
            table.add_row(*_cells(each))
    notes = [
        "points on a front; intervals at 95%",
        f"{DIFFERS} A and B differ beyond their intervals",
    ]
    if any(each.is_learned_anew for each in compared.shared):
        notes.append("A / B: each learned this value for itself, and the nearest is compared")
    table.caption = "\n".join(notes)
    table.caption_justify = "left"
    return table


def _cells(each: Shared) -> list[str]:
    from storage.records.conclusions.words import loss_share

    ratio, loss = each.speedup, each.loss
    low, high = 100 * loss.low, 100 * loss.high
    return [
        "\n".join(NAMES),
        "\n".join(str(trial.number) for trial in each.trials),
        "\n".join("yes" if is_on else "-" for is_on in each.on_front),
        "\n".join(f"{trial.judged_speedup:.2f}x" for trial in each.trials),
        f"{ratio.value:.2f}{_mark(ratio)}\n{ratio.low:.2f}..{ratio.high:.2f}",
        "\n".join(loss_share(trial.judged_loss) for trial in each.trials),
        f"{100 * loss.value:+z.1f}{_mark(loss)}\n{low:z.1f}..{high:z.1f}",
        "\n".join(
            f"{name}={one:g}" if one == other else f"{name}={one:g} / {other:g}"
            for name, (one, other) in each.params.items()
        ),
    ]


def _mark(change: Change) -> str:
    return DIFFERS if change.differs else ""
