"""What optuna-dashboard says of a trial, put into words on its way to the browser.

A trial's measurement is one long line of JSON there, which makes the page scroll sideways and which
nobody reads. And version 0.21 knows nothing of where Optuna 5 keeps constraints, by which the page
greys out what is infeasible. The database keeps both as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from pydantic import ValidationError

from accelfront.dashboard_guard import Application
from storage.records import MEASUREMENT, POINT
from storage.shapes import MEASURED

STUDY = re.compile(r"/api/studies/(\d+)")

NOTES = ("look", "disturbed")
"""What few measurements have: that it looked at a point again, and what disturbed it."""


def in_words(application: Application, storage: BaseStorage) -> Application:
    """Wrap optuna-dashboard so that trials are told of in words.

    Args:
        application: optuna-dashboard's.
        storage: The one that it reads.
    """

    def answer(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked = STUDY.fullmatch(environ["PATH_INFO"])
        if asked is None or environ["REQUEST_METHOD"] != "GET":
            return application(environ, start_response)
        head: list[Any] = []
        body = b"".join(application(environ, lambda *given: head.extend(given)))
        status, headers, *rest = head
        if status.startswith("200"):
            body = _told(body, storage.get_all_trials(int(asked[1]), deepcopy=False))
            headers = [pair for pair in headers if pair[0].lower() != "content-length"]
            headers.append(("Content-Length", str(len(body))))
        start_response(status, headers, *rest)
        return [body]

    return answer


def _told(body: bytes, trials: Iterable[FrozenTrial]) -> bytes:
    """The answer about a study, with what we say of its trials."""
    study = json.loads(body)
    by_number = {trial.number: trial for trial in trials}
    told = {number: _words(trial.user_attrs) for number, trial in by_number.items()}
    for each in study["trials"] + study["best_trials"]:
        number = each["number"]
        each["user_attrs"] = [
            {"key": key, "value": str(value)} for key, value in told[number].items()
        ]
        each["constraints"] = list(by_number[number].constraints.values())
    names = dict.fromkeys(name for words in told.values() for name in words)
    study["union_user_attrs"] = [
        {"key": name, "sortable": all(_is_number(words.get(name, 0)) for words in told.values())}
        for name in names
    ]
    return json.dumps(study).encode()


def _words(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's attributes, of which none is long; the point is among its parameters."""
    words = {key: value for key, value in attributes.items() if key not in (MEASUREMENT, POINT)}
    try:
        measured: Mapping[str, Any] = MEASURED.validate_python(attributes.get(MEASUREMENT))
    except ValidationError:
        # It has none yet, or one that accelfront did not write.
        return words
    (slow, fast), (best, worst) = measured["speedup_ci"], measured["clip_loss_ci"]
    return words | {
        "speedup, 95%": f"{slow:.2f}x to {fast:.2f}x",
        "CLIP loss, 95%": f"{best:.1%} to {worst:.1%}",
        "s/picture": _short(measured["latency_s"]),
        "s/picture, baseline": _short(measured["baseline_latency_s"]),
        "similar": _short(measured["image_similarity"]),
        **{name: _joined(measured[name]) for name in NOTES if measured.get(name)},
        **_pace(measured),
    }


def _pace(measured: Mapping[str, Any]) -> dict[str, Any]:
    share = measured.get("gpu_bound")
    return {} if share is None else {"GPU sets the pace": f"{share:.0%}"}


def _joined(note: str | list[str]) -> str:
    return note if isinstance(note, str) else ", ".join(note)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: float) -> float:
    return float(f"{value:.3g}")
