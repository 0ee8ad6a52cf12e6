"""The page of a trial next to its baseline, at /compare/STUDY/NUMBER of the dashboard."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from accelfront.eyes.kept import read_kept
from accelfront.eyes.page import render_comparison
from accelfront.eyes.sides import find_couple
from accelfront.serving.guard import NOTHING, Application, safety
from objectives.errors import InputError
from storage.database.opening import Store
from storage.errors import StorageError
from storage.reading.studies import read_studies
from storage.records.trial import trial_key

PATH = re.compile(r"/compare/(\d{1,9})/(\d{1,9})")

POLICY = (
    "default-src 'none'; script-src 'nonce-{}'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def pairs_page(store: Store, storage: str | None) -> Application:
    """The application that answers below /compare/; the caller must guard it.

    Args:
        store: An open database.
        storage: The storage that commands name; None leaves it to their default.
    """

    def answer(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked = PATH.fullmatch(environ["PATH_INFO"])
        nonce = secrets.token_urlsafe(16)
        try:
            page = _page(store, storage, int(asked[1]), asked[2], nonce) if asked else ""
        except (KeyError, InputError, StorageError):
            page = ""
        if not page:
            kind = ("Content-Type", "text/plain; charset=utf-8")
            start_response("404 Not Found", [kind, *safety(NOTHING)])
            return [b"there is no such trial, or it was not measured in full\n"]
        kind = ("Content-Type", "text/html; charset=utf-8")
        start_response("200 OK", [kind, *safety(POLICY.format(nonce))])
        return [page.encode()]

    return answer


def _page(store: Store, storage: str | None, study_id: int, number: str, nonce: str) -> str:
    """The page; raises KeyError, InputError or StorageError if there is no such trial."""
    name = store.optuna.get_study_name_from_id(study_id)
    couple = find_couple(lambda study: read_studies(store, study), trial_key(name, number), None)
    return render_comparison(store, couple, read_kept(store, couple), storage, nonce)
