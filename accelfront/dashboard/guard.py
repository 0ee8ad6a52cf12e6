"""Who may ask the dashboard, and as what its answers may be taken.

The dashboard has no login, so a page of another site must not reach it through the browser of
somebody who may: neither under a name of its own that points here, nor by a request across sites.
And what a database calls a picture is shown only if it is one. Other pages that a command serves
are guarded by the same rules.
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

PAGE = re.compile(r"/?(dashboard(/.*)?)?")
"""Paths of the page itself."""

PARTS = re.compile(r"/(api|csv|static)/.*|/favicon\.ico")
"""Paths of what the page loads and what optuna-dashboard makes itself; all others are artifacts."""

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' data: 'unsafe-inline'; "
    # The page's plots compile shaders and templates.
    "script-src 'self' 'unsafe-eval'; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"

DROPPED = ("access-control-", "content-security-policy")
"""How headers of optuna-dashboard begin that are left out: they let other sites read."""

PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""Kinds of pictures by how their files begin."""


def guarded(application: Application, host: str) -> Application:
    """Wrap the dashboard so that only its own page reaches it, under its own address.

    Args:
        application: A WSGI application.
        host: The name or address that it listens on.
    """
    own = Own.of(host)

    def answer(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        refusal = refusal_of(environ, own, "accelfront dashboard")
        if refusal is not None:
            return refuse(refusal, start_response)
        head: list[Any] = []
        parts = application(environ, lambda *given: head.extend(given))
        body = b"".join(parts)
        # A WSGI server closes what it was given, and gets only the bytes of this.
        getattr(parts, "close", lambda: None)()
        status, headers, *rest = head
        headers = [pair for pair in headers if not pair[0].lower().startswith(DROPPED)]
        path = environ["PATH_INFO"]
        if PAGE.fullmatch(path):
            start_response(status, headers + safety(PAGE_POLICY), *rest)
            return [body]
        if status.startswith("200") and not PARTS.fullmatch(path):
            kind = picture_kind(body)
            if kind is None:
                return refuse("this is no picture, and nothing else is shown", start_response)
            headers = [pair for pair in headers if pair[0].lower() != "content-type"]
            headers.append(("Content-Type", kind))
        start_response(status, headers + safety(DATA_POLICY), *rest)
        return [body]

    return answer


def picture_kind(content: bytes) -> str | None:
    """The media type of a picture by its content; None if it is none that browsers only show."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in PICTURES.items() if content.startswith(start)), None)


@dataclass(frozen=True)
class Own:
    """What a server is called.

    Attributes:
        names: In lower case, IPv6 addresses in brackets.
        anywhere: Whether it listens on every address of the machine.
    """

    names: frozenset[str]
    anywhere: bool

    @classmethod
    def of(cls, host: str) -> Own:
        """By the name or the address that it listens on."""
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
        # No site can have a bare address point elsewhere.
        return name in self.names or (self.anywhere and _is_address(name.strip("[]")))


def refusal_of(environ: Mapping[str, Any], own: Own, command: str) -> str | None:
    """Why a request is not answered; None if it is.

    Args:
        environ: The request's, as WSGI has it.
        own: What the server is called.
        command: What printed its address.
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
    # Browsers say where a request comes from; other programs say nothing.
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
    """Answer that a request is not answered, and why."""
    kind = ("Content-Type", "text/plain; charset=utf-8")
    start_response("403 Forbidden", [kind, *safety(DATA_POLICY)])
    return [f"{reason}\n".encode()]


def safety(policy: str) -> Headers:
    """Headers that keep an answer from other sites, with what the page itself may load."""
    return [
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Referrer-Policy", "no-referrer"),
    ]
