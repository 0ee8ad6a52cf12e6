"""`accelfront dashboard`: studies in a browser."""

from __future__ import annotations

import ipaddress
import sys
from typing import Annotated

import typer

from accelfront.cli.options import DEFAULT_STORAGE, Storage, named_file


def dashboard(
    storage: Storage = DEFAULT_STORAGE,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")
    ] = 8080,
    listen_anywhere: Annotated[
        bool,
        typer.Option(
            "--listen-anywhere",
            help="Allow a --host that others can reach. There is no login: whoever reaches it can "
            "read and delete all studies.",
        ),
    ] = False,
) -> None:
    """Show studies and their trials' pictures in a browser, until Ctrl-C."""
    from accelfront.dashboard.server import listen
    from accelfront.serving.server import serve
    from storage.database.opening import open_store

    _check_host(host, listen_anywhere)
    store = open_store(storage)
    server = listen(host, port, store, named_file(store.name))
    shown = f"[{host}]" if ":" in host else host
    serve(server, f"http://{shown}:{server.server_port}/")


def _check_host(host: str, listen_anywhere: bool) -> None:
    from objectives.errors import InputError

    if _is_loopback(host):
        return
    if not listen_anywhere:
        raise InputError(
            f"others can reach --host {host}, and the dashboard has no login: they could delete "
            "studies; use an SSH tunnel to 127.0.0.1, or add --listen-anywhere"
        )
    print(
        f"WARNING: anyone who reaches {host} can read and delete all studies; there is no login.",
        file=sys.stderr,
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
