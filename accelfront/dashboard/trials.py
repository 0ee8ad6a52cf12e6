"""Turns optuna-dashboard's view of a trial into words on its way to the browser.

There a trial's measurement is one long line of JSON, which makes the page scroll sideways and which
nobody reads. And version 0.21 does not know where Optuna 5 keeps constraints, by which the page
greys out infeasible trials. The database keeps both as they are.

Points of our studies are also judged as `front` does: by a second timing, or by both measurements
of a confirmed point. The best trials are the front inside the loss budget, and remeasurements say
what they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from accelfront.dashboard.notes import add_notes
from accelfront.serving.guard import Application
from storage.errors import StorageError
from storage.reading.studies import read_study
from storage.reading.trials import RawTrial
from storage.records.budgets import title
from storage.records.conclusions.words import loss_share, share_text
from storage.records.measurement import Kind
from storage.records.study import Study
from storage.records.trial import Trial
from storage.study_store.attributes import DUPLICATE_OF, FEASIBLE, MEASUREMENT, POINT

STUDY = re.compile(r"/api/studies/(\d+)")


def in_words(application: Application, storage: BaseStorage) -> Application:
    """Wrap optuna-dashboard so that trials are described in words.

    Args:
        application: The application of optuna-dashboard.
        storage: The storage that it reads.
    """

    def answer(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked = STUDY.fullmatch(environ["PATH_INFO"])
        if asked is None or environ["REQUEST_METHOD"] != "GET":
            return application(environ, start_response)
        head: list[Any] = []
        # All trials, as some of the best may be older than those that the page asks for.
        whole = {**environ, "QUERY_STRING": ""}
        body = b"".join(application(whole, lambda *given: head.extend(given)))
        status, headers, *rest = head
        if status.startswith("200"):
            study = json.loads(body)
            trials = storage.get_all_trials(int(asked[1]), deepcopy=False)
            _tell(study, trials)
            if (record := _record(study["name"], storage)) is not None:
                _judge(study, record)
                add_notes(study, int(asked[1]), trials, record)
            study["trials"] = study["trials"][_after(environ["QUERY_STRING"]) :]
            body = json.dumps(study).encode()
            headers = [pair for pair in headers if pair[0].lower() != "content-length"]
            headers.append(("Content-Length", str(len(body))))
        start_response(status, headers, *rest)
        return [body]

    return answer


def _after(query: str) -> int:
    """How many trials the page already has; it asks for the others."""
    given = parse_qs(query).get("after", ["0"])[0]
    return int(given) if given.isdecimal() else 0


def _record(name: str, storage: BaseStorage) -> Study | None:
    """The study as our commands read it; None if it is not ours."""
    try:
        return read_study(optuna.load_study(study_name=name, storage=storage))
    except (KeyError, StorageError):
        return None


def _tell(study: dict[str, Any], trials: Iterable[FrozenTrial]) -> None:
    """Put our words about its trials into the answer about a study."""
    by_number = {trial.number: trial for trial in trials}
    told = {number: _words(trial) for number, trial in by_number.items()}
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


def _judge(study: dict[str, Any], record: Study) -> None:
    """Give each point the figures by which it is judged, and make the front the best trials."""
    by_number = {each["number"]: each for each in study["trials"]}
    # Trials stored since the answer was made come with the next one.
    points = [trial for trial in record.trials if trial.number in by_number]
    rivals, roles = record.rivals, record.roles
    for trial in points:
        each = by_number[trial.number]
        each["values"] = [trial.judged_speedup, trial.judged_loss]
        each["constraints"] = list(record.budgets.excess(trial.judged).values())
        others = [attr for attr in each["user_attrs"] if attr["key"] != FEASIBLE]
        judged = {
            FEASIBLE: str(max(each["constraints"]) <= 0),
            "chance inside": share_text(trial.chance_inside(record.budgets)),
            **_judgement(trial),
        }
        if role := roles.get(trial.number):
            judged["role"] = role
        times, lossy = rivals.lossless_speedup(trial), trial.measurement.lossy_methods
        if times is not None:
            judged["vs lossless"] = f"{times:.2f}x"
        if times is not None and lossy is not None:
            judged["leaves out"] = " + ".join(lossy) or "nothing"
        each["user_attrs"] = [{"key": k, "value": v} for k, v in judged.items()] + others
    study["best_trials"] = [
        by_number[trial.number]
        for trial in record.listed
        if trial.judged_loss <= record.loss_budget and trial.number in by_number
    ]


def _judgement(trial: Trial) -> dict[str, str]:
    """The source of a point's figures, if that is not its first measurement."""
    if trial.confirmed is not None:
        return {
            "judged": "by the loss of both measurements",
            "in the search": f"{trial.speedup:.2f}x, loss {loss_share(trial.loss)}",
            "on unseen prompts": f"{trial.confirmed.speedup:.2f}x, "
            f"loss {loss_share(trial.lost(trial.confirmed).value)}",
        }
    return {"judged": "timed again"} if trial.timed_again else {}


def _words(trial: FrozenTrial) -> dict[str, Any]:
    """A trial's attributes, all of them short; the point is among its parameters."""
    attributes, raw = trial.user_attrs, RawTrial.of_optuna(trial)
    words = {key: value for key, value in attributes.items() if key not in (MEASUREMENT, POINT)}
    again = raw.remeasurement()
    kind = None if again is None else again.measurement.look
    if DUPLICATE_OF in words:
        words = {"no point of its own": _repetition(attributes[DUPLICATE_OF], kind), **words}
    measured = raw.measurement()
    if measured is None:
        # It has none yet, or one that accelfront did not write.
        return words
    (slow, fast), (best, worst) = measured.speedup_ci, measured.clip_loss_ci
    share, disturbed = measured.gpu_bound, ", ".join(measured.disturbed)
    notes = {
        "look": kind,
        "disturbed": disturbed,
        "warm-up, s": None if measured.warmup_s is None else _short(measured.warmup_s),
        "host-bound share": None if share is None else f"{1 - share:.0%}",
    }
    return words | {
        "speedup, 95%": f"{slow:.2f}x to {fast:.2f}x",
        "CLIP loss, 95%": f"{loss_share(best)} to {loss_share(worst)}",
        "s/picture": _short(measured.latency_s),
        "s/picture, baseline": _short(measured.baseline_latency_s),
        "similar": _short(measured.image_similarity),
        **{title(name): _short(each.loss) for name, each in measured.metrics.items()},
        **{name: note for name, note in notes.items() if note},
    }


def _repetition(first: object, kind: Kind | None) -> str:
    """What a trial that repeats a point is; the page calls most of them pruned."""
    done = {
        "confirmed": "confirms",
        "timed again": "times again",
        "metrics added": "adds metrics to",
        None: "repeats",
    }
    return f"{done[kind]} trial {first}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: float) -> float:
    return float(f"{value:.3g}")
