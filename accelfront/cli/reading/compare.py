"""`accelfront compare`: two points side by side, for people who trust their eyes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelfront.cli.options import DEFAULT_STORAGE, Storage, named_file
from accelfront.screen.counting import counted

if TYPE_CHECKING:
    from accelfront.eyes.sides import Couple
    from storage.database.opening import Store

PAGE = Path("compare.html")


def compare(
    first: Annotated[
        str,
        typer.Argument(
            metavar="TRIAL",
            help="STUDY/NUMBER: a study's name, label or digest, and the number of a trial. The "
            "number alone is enough if the storage holds one study.",
        ),
    ],
    second: Annotated[
        str | None,
        typer.Argument(
            metavar="TRIAL",
            help="The trial to compare it with; a number alone means one of the same study. "
            "Default: the baseline of the first.",
        ),
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    blind: Annotated[
        bool,
        typer.Option(
            "--blind",
            help="Ask which pictures are better without saying which trial drew them, on a "
            "page that this command serves until Ctrl-C. Votes are kept in the storage.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file of the page, which is replaced; with --blind, nothing is served, and "
            f"the page hands each voter a file for `accelfront import votes`. Default: {PAGE}."
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="With --blind: the port; 0 takes a free one."),
    ] = 0,
) -> None:
    """Show two trials, or one and its baseline, side by side: figures and pictures."""
    from accelfront.cli.reading.stored import read
    from accelfront.eyes.sides import find_couple
    from objectives.errors import InputError
    from storage.database.opening import open_store

    if port and (out is not None or not blind):
        raise InputError("--port is for --blind without --out, as nothing else serves a page")
    store = open_store(storage)
    couple = find_couple(lambda study: read(store, study), first, second)
    if blind:
        _ask(store, couple, out, port)
        return
    _write(store, couple, out or PAGE)


def _write(store: Store, couple: Couple, out: Path) -> None:
    from accelfront.cli.output import put_out
    from accelfront.eyes.figures import verdict
    from accelfront.eyes.kept import read_kept
    from accelfront.eyes.page import render_comparison

    kept = read_kept(store, couple)
    page = render_comparison(store, couple, kept, named_file(store.name))
    put_out(page, out)
    if kept.why_not:
        print(kept.why_not, file=sys.stderr)
    print(f"{couple.title}: {out}, {len(page.encode()) / 1e6:.1f} MB", file=sys.stderr)
    print(verdict(couple), file=sys.stderr)


def _ask(store: Store, couple: Couple, out: Path | None, port: int) -> None:
    """Ask which pictures are better: on a page that is served, or in a file."""
    import secrets

    from accelfront.cli.output import put_out
    from accelfront.eyes.ballot import render_ballot
    from accelfront.eyes.kept import read_kept
    from accelfront.eyes.server import HOST, voting
    from accelfront.serving.server import serve, serving
    from objectives.errors import InputError
    from storage.database.votes import require_room_for_votes

    kept = read_kept(store, couple)
    if kept.why_not:
        raise InputError(kept.why_not)
    if out is not None:
        put_out(render_ballot(couple, kept, secrets.token_hex(8)), out)
        print(
            f"{out} asks about {counted(kept.pairs, 'pair')}; give it to the voters, and "
            "keep what they send back with `accelfront import votes FILE`",
            file=sys.stderr,
        )
        return
    require_room_for_votes(store.engine, store.name)
    token = secrets.token_urlsafe(16)
    server = serving(voting(store, couple, kept, token), HOST, port)
    serve(server, f"http://{HOST}:{server.server_port}/{token}/")
