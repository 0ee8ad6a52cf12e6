"""Who may send requests to a page that a command serves.

It has no login, so a page of another site must not reach it through a permitted person's browser:
neither under a name of its own that points here, nor by a request across sites.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Application = Callable[..., Iterable[bytes]]
"""A WSGI application."""

Headers = list[tuple[str, str]]

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\],\s]+)(?::(\d+))?", re.IGNORECASE)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

READING = ("GET", "HEAD", "OPTIONS")

NOTHING = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""The policy of answers that are no pages: they may load nothing and run nowhere."""


@dataclass(frozen=True)
class Own:
    """The names of a server.

    Attributes:
        names: In lower case, IPv6 addresses in brackets.
        anywhere: Whether it listens on every address of the machine.
    """

    names: frozenset[str]
    anywhere: bool

    @classmethod
    def of(cls, host: str) -> Own:
        """From the name or the address that it listens on."""
        anywhere = not host or (_is_address(host) and ipaddress.ip_address(host).is_unspecified)
        named = {socket.gethostname(), socket.getfqdn()} if anywhere else {host}
        written = {f"[{name}]" if ":" in name else name for name in named}
        return cls(LOOPBACK | {name.lower() for name in written}, anywhere)

    def is_meant(self, host: str, port: str) -> bool:
        """Whether a Host header names this server."""
        parts = HOST.fullmatch(host)
        if parts is None or (parts[2] or "80") != port:
            return False
        name = parts[1].lower()
        # No site can make a bare address point elsewhere.
        return name in self.names or (self.anywhere and _is_address(name.strip("[]")))


def refusal_of(environ: Mapping[str, Any], own: Own, command: str) -> str | None:
    """Say why a request is refused; None if it is answered.

    Args:
        environ: The request's WSGI environment.
        own: The server's names.
        command: The command that printed its address.
    """
    host = environ.get("HTTP_HOST", "")
    if not own.is_meant(host, environ["SERVER_PORT"]):
        return (
            f"this page answers under the address that `{command}` printed, and through a tunnel "
            "under localhost with the same port"
        )
    if environ["REQUEST_METHOD"] in READING:
        return None
    address = f"http://{host}".lower()
    # Browsers say where a request comes from; other programs do not.
    from_here = environ.get("HTTP_ORIGIN", address).lower() == address
    if not from_here or environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("same-origin", "none"):
        return "only the page itself may change anything"
    return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def refuse(reason: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Refuse a request, with the reason."""
    kind = ("Content-Type", "text/plain; charset=utf-8")
    start_response("403 Forbidden", [kind, *safety(NOTHING)])
    return [f"{reason}\n".encode()]


def safety(policy: str) -> Headers:
    """Headers that keep an answer from other sites, with the page's own policy."""
    return [
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Referrer-Policy", "no-referrer"),
    ]
