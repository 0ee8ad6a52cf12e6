"""optuna-dashboard over one database, within this process: the database's URL is shown nowhere."""

from __future__ import annotations

import socket
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.artifacts import FileSystemArtifactStore
from optuna_dashboard import wsgi

from accelfront.dashboard.guard import guarded
from accelfront.dashboard.trials import in_words
from objectives.errors import InputError
from storage.database.opening import Store
from storage.study_store.artifacts import artifact_folder


def listen(host: str, port: int, store: Store) -> WSGIServer:
    """A server that waits for `serve_forever`.

    Args:
        host: A name or an address of this machine.
        port: 0 takes a free one.
        store: An open database.

    Raises:
        InputError: If the address cannot be had.
    """
    pictures = FileSystemArtifactStore(artifact_folder(store))
    application = guarded(in_words(wsgi(store.optuna, pictures), store.optuna), host)
    server = _IPv6Server if ":" in host else _Server
    try:
        return make_server(host, port, application, server, _QuietHandler)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port}: {error.strerror}; give another --port, or 0 for a "
            "free one"
        ) from error


class _Server(ThreadingMixIn, WSGIServer):
    """One thread a request, as a browser asks for several pictures at once."""

    daemon_threads = True


class _IPv6Server(_Server):
    address_family = socket.AF_INET6


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests: an open page makes some every few seconds."""
