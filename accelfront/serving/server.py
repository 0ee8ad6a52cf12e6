"""Serving a page from this process."""

from __future__ import annotations

import socket
import sys
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from accelfront.serving.guard import Application
from objectives.errors import InputError


def serving(application: Application, host: str, port: int) -> WSGIServer:
    """A server that waits for `serve_forever`.

    Args:
        application: Answers the requests; the caller must guard it.
        host: A name or an address of this machine.
        port: 0 takes a free one.

    Raises:
        InputError: If the address is not available.
    """
    server = _IPv6Server if ":" in host else _Server
    try:
        return make_server(host, port, application, server, _QuietHandler)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port}: {error.strerror}; give another --port, or 0 for a "
            "free one"
        ) from error


def serve(server: WSGIServer, address: str) -> None:
    """Print the address and answer until Ctrl-C.

    Args:
        server: The result of `serving`.
        address: Where a browser finds the page.
    """
    try:
        print("Press Ctrl-C to end.", file=sys.stderr)
        # The address comes last, because a reader may use it at once.
        print(address, flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        print(file=sys.stderr)
    finally:
        server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    """One thread per request, as a browser asks for several pictures at once."""

    daemon_threads = True


class _IPv6Server(_Server):
    address_family = socket.AF_INET6


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Log no requests: an open page makes some every few seconds."""
