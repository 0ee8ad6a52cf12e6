"""Serves the blind page on this machine, and keeps the votes that it sends.

The address holds a token, as other people on this machine could reach the port; and pages of other
sites are kept out in the same way as from the dashboard.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from accelfront.eyes.ballot import Posted, render_ballot, vote_of
from accelfront.eyes.kept import Kept
from accelfront.eyes.sides import Couple
from accelfront.serving.guard import NOTHING, Application, Own, refusal_of, refuse, safety
from storage.database.opening import Store
from storage.database.votes import keep_votes
from storage.errors import StorageError
from storage.reading.studies import find_study

HOST = "127.0.0.1"

MOST_BYTES = 4_000
"""Of a vote."""

POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Start = Callable[..., Any]


def voting(store: Store, couple: Couple, kept: Kept, token: str) -> Application:
    """The application that serves the page at `/TOKEN/` and takes votes at `/TOKEN/votes`.

    Args:
        store: Keeps the votes.
        couple: The two to compare.
        kept: Their pictures.
        token: The secret that a request must contain.
    """
    own = Own.of(HOST)

    def answer(environ: Mapping[str, Any], start: Start) -> Iterable[bytes]:
        refusal = refusal_of(environ, own, "accelfront compare --blind")
        if refusal is not None:
            return refuse(refusal, start)
        _, given, *rest = environ["PATH_INFO"].split("/", 2)
        if not secrets.compare_digest(given.encode(), token.encode()):
            return refuse("open the whole address that `accelfront compare` printed", start)
        asked = environ["REQUEST_METHOD"], *rest
        if asked == ("GET", ""):
            return _page(couple, kept, start)
        if asked == ("POST", "votes"):
            return _vote(store, couple, kept, environ, start)
        return _say("404 Not Found", {"error": "there is nothing here"}, start)

    return answer


def _page(couple: Couple, kept: Kept, start: Start) -> Iterable[bytes]:
    nonce = secrets.token_urlsafe(16)
    page = render_ballot(couple, kept, secrets.token_hex(8), "votes", nonce)
    kind = ("Content-Type", "text/html; charset=utf-8")
    start("200 OK", [kind, ("Cache-Control", "no-store"), *safety(POLICY.format(nonce))])
    return [page.encode()]


def _vote(
    store: Store, couple: Couple, kept: Kept, environ: Mapping[str, Any], start: Start
) -> Iterable[bytes]:
    """Keep a vote, and report how all votes stand."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MOST_BYTES:
        return _say("413 Content Too Large", {"error": "this is no vote"}, start)
    try:
        vote = Posted.model_validate_json(environ["wsgi.input"].read(int(length)))
    except ValidationError:
        return _say("400 Bad Request", {"error": "this is no vote"}, start)
    if vote.pair >= kept.pairs:
        return _say("400 Bad Request", {"error": "this is no vote on these pairs"}, start)
    try:
        keep_votes(store.engine, [vote_of(store, couple, vote.voter, vote)])
    except (StorageError, KeyError) as error:
        told = str(error) if isinstance(error, StorageError) else "the study was deleted meanwhile"
        return _say("500 Internal Server Error", {"error": told}, start)
    return _say("200 OK", {"all": _standing(store, couple)}, start)


def _standing(store: Store, couple: Couple) -> str:
    """The win rate in words, with the votes of this moment."""
    study = find_study(store, couple.second.study.name)
    if study is None:
        return ""
    rate = couple.with_votes_of(study).win_rate
    return "" if rate is None else rate.in_words


def _say(status: str, content: Mapping[str, str], start: Start) -> Iterable[bytes]:
    start(status, [("Content-Type", "application/json"), *safety(NOTHING)])
    return [json.dumps(content).encode()]
