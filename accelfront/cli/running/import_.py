"""`accelfront import`: takes points from a file of the grid search, and votes from a blind page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from accelfront.cli.options import DEFAULT_STORAGE, DEFAULT_TRIALS, Storage, named_storage
from accelfront.screen.counting import counted

if TYPE_CHECKING:
    from studies.search.imported_points import Batch

IN_PART = 3


def import_(
    file_format: Annotated[
        Literal["search-params", "votes"],
        typer.Argument(
            metavar="FORMAT",
            help="search-params: points, which studies measure first. votes: what a person saved "
            "on a page of `accelfront compare --blind`.",
        ),
    ],
    file: Annotated[Path, typer.Argument(help="The file to read.")],
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """Import points for studies to measure first, or a person's votes."""
    if file_format == "votes":
        _import_votes(file, storage)
    else:
        _import_points(file, storage)


def _import_votes(file: Path, storage: str) -> None:
    from accelfront.cli.reading.stored import read
    from accelfront.eyes.filed import filed_votes, read_votes_file
    from storage.database.opening import open_store
    from storage.database.votes import keep_votes, read_votes, require_room_for_votes
    from storage.reading.votes import counting

    content = read_votes_file(_read(file), str(file))
    store = open_store(storage)
    given = filed_votes(store, content, lambda study: read(store, study))
    require_room_for_votes(store.engine, store.name)
    # If a vote that is there already were kept again, it would count as the person's last one.
    known = set(read_votes(store.engine, {vote.study_id for vote in given.votes}))
    keep_votes(store.engine, [vote for vote in given.votes if vote not in known])
    count = counting(given.votes)
    new = sum(vote not in known for vote in count)
    told = f"{counted(new, 'vote')} on {given.couple.title} kept"
    if old := len(count) - new:
        told += f"; {counted(old, 'vote')} of the file {'is' if old == 1 else 'are'} there already"
    print(told, file=sys.stderr)


def _import_points(file: Path, storage: str) -> None:
    from accelfront.cli.process import prepare_process
    from objectives.errors import InputError
    from storage.database.imported_points import keep_imported_points
    from storage.database.opening import open_store
    from storage.errors import StorageError
    from storage.reading.prototype import read_search_params
    from studies.search.imported_points import sort_entries

    try:
        entries, problems = read_search_params(_read(file))
    except StorageError as error:
        raise InputError(
            f"{file} is not a search-params file: it {error}; give one that `accelfront export "
            "--format search-params` wrote"
        ) from error
    if entries:
        # Only a good file needs the heavy libraries, whose import takes seconds.
        prepare_process()
    batches, misfits = sort_entries(entries)
    problems += misfits
    for problem in problems:
        print(problem, file=sys.stderr)
    if not batches:
        raise InputError(
            f"{file} holds no point that a study can measure, so nothing was imported; correct the "
            "entries above"
        )
    store = open_store(storage, create=True)
    for batch in batches:
        new = keep_imported_points(store.engine, batch.combination, batch.points)
        print(
            f"{counted(batch.entries, 'entry')}: {counted(len(batch.points), 'point')}, {new} new; "
            f"`{_study_command(batch, store.name)}` measures them first",
            file=sys.stderr,
        )
    if problems:
        print(f"{counted(len(problems), 'entry')} of the file not imported", file=sys.stderr)
        raise typer.Exit(IN_PART)


def _study_command(batch: Batch, storage: str) -> str:
    from studies.commands import study_command
    from studies.request import StudyRequest

    request = StudyRequest(**dict(batch.combination), trials=max(DEFAULT_TRIALS, len(batch.points)))
    return study_command(request, named_storage(storage))


def _read(file: Path) -> str:
    from objectives.errors import InputError
    from objectives.files import read_text

    try:
        return read_text(file)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}; name a JSON file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text; name a JSON file") from error
