"""`accelfront studies`: what a storage holds, and putting it in order."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from accelfront.cli.completing import stored_studies
from accelfront.cli.options import DEFAULT_STORAGE, AsJson, Storage
from objectives.errors import InputError

if TYPE_CHECKING:
    from storage.database.opening import Store
    from storage.records.study import Study

FAILED = 1

Delete = Annotated[
    str | None,
    typer.Option(
        metavar="STUDY",
        autocompletion=stored_studies,
        help="Delete a study, with its pictures and everything else that no other study uses. "
        "No run of it may be active.",
    ),
]

Rename = Annotated[
    tuple[str, str] | None,
    typer.Option(
        metavar="STUDY LABEL",
        help="Give a study a label of your own, which names it everywhere from then on. "
        '"" removes it.',
    ),
]

Yes = Annotated[bool, typer.Option("--yes", help="Delete without asking.")]


def studies(
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,
    delete: Delete = None,
    rename: Rename = None,
    yes: Yes = False,
) -> None:
    """List the studies of a storage, delete one, or give one a label."""
    from storage.database.opening import open_store

    if delete is not None and rename is not None:
        raise InputError("give --delete or --rename, not both")
    if yes and delete is None:
        raise InputError("--yes goes with --delete")
    store = open_store(storage)
    if delete is not None:
        _delete(store, delete, yes)
    elif rename is not None:
        _rename(store, *rename)
    else:
        _list(store, as_json)


def _delete(store: Store, given: str, yes: bool) -> None:
    from accelfront.screen.counting import counted
    from storage.reading.studies import find_name
    from storage.study_store.upkeep.removal import remove_study

    name = find_name(store, given)
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(f"nobody is here to confirm that {name} goes; give --yes")
        if not typer.confirm(f"Delete {name} with all its measurements?", err=True):
            print("nothing was deleted", file=sys.stderr)
            raise typer.Exit(FAILED)
    gone = remove_study(store, name)
    print(
        f"deleted {name}: {counted(gone.trials, 'trial')}, {counted(gone.pictures, 'picture')}, "
        f"{counted(gone.baselines, 'baseline')}"
    )


def _rename(store: Store, given: str, label: str) -> None:
    from storage.foreign import shown
    from storage.reading.studies import find_name
    from storage.study_store.upkeep.labels import set_label

    name = find_name(store, given)
    set_label(store, name, label)
    print(f"{name} is called {shown(label)}" if label else f"{name} has no label any more")


def _list(store: Store, as_json: bool) -> None:
    from accelfront.cli.reading.stored import read
    from accelfront.screen.models import ModelNames
    from accelfront.screen.tables import combination_text, plain_table, print_json
    from accelfront.screen.terminal import console

    records = read(store)
    if as_json:
        print_json([_entry(record) for record in records])
        return
    columns = ("pipeline", "scheduler", "steps", "methods", "points", "answer", "study")
    models, table = ModelNames(records), plain_table(*columns)
    # Last, as it takes several lines.
    table.add_column("model", justify="left", overflow="fold")
    for record in records:
        answer = record.answer
        table.add_row(
            *combination_text(record),
            f"{len(record.trials)}/{record.space.distinct}",
            "-" if answer is None else f"{answer.judged_speedup:.2f}x",
            record.short_name,
            models.column(record),
        )
    console().print(table)


def _entry(record: Study) -> dict[str, object]:
    return {
        "study": record.name,
        **record.combination.as_json(),
        "device": record.device,
        "model": record.protocol.model,
        "loss_budget": record.loss_budget,
        "trials": len(record.trials),
        "points": record.space.distinct,
        "states": record.states,
        "foreign_trials": record.foreign_trials,
        "doubt": record.doubt or None,
        "label": record.label or None,
    }
