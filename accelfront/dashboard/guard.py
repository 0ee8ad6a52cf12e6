"""Who may send requests to the dashboard, and how browsers may treat its answers.

Only its own page may, and a file that a database calls a picture is shown only if it is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from accelfront.serving.guard import NOTHING, Application, Own, refusal_of, refuse, safety

PAGE = re.compile(r"/?(dashboard(/.*)?)?")
"""Paths of the page itself."""

PARTS = re.compile(r"/(api|csv|static)/.*|/favicon\.ico")
"""Paths of the page's files and of optuna-dashboard's own data; all others are artifacts."""

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' data: 'unsafe-inline'; "
    # The page's plots compile shaders and templates.
    "script-src 'self' 'unsafe-eval'; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

DROPPED = ("access-control-", "content-security-policy")
"""Prefixes of optuna-dashboard's headers that are removed: they let other sites read."""

PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""Types of pictures by how their files begin."""


def guarded(application: Application, host: str, pairs: Application) -> Application:
    """Wrap the dashboard so that only its own page reaches it, under its own address.

    Args:
        application: The application of optuna-dashboard.
        host: The name or address that it listens on.
        pairs: Answers below /compare/, with a policy of its own.
    """
    own = Own.of(host)

    def answer(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        refusal = refusal_of(environ, own, "accelfront dashboard")
        if refusal is not None:
            return refuse(refusal, start_response)
        if environ["PATH_INFO"].startswith("/compare/"):
            return pairs(environ, start_response)
        head: list[Any] = []
        parts = application(environ, lambda *given: head.extend(given))
        body = b"".join(parts)
        # A WSGI server closes the iterable that it gets, which holds only the bytes of this one.
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
        start_response(status, headers + safety(NOTHING), *rest)
        return [body]

    return answer


def picture_kind(content: bytes) -> str | None:
    """The media type of a picture by its content; None unless browsers only show it."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in PICTURES.items() if content.startswith(start)), None)
