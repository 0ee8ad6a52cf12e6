"""What a trial is, in its note: added on its way to the browser, and never stored.

Text that a person adds below the line that ends our part is stored as theirs alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from accelfront.screen.counting import counted
from accelfront.serving.guard import Application
from storage.reading.trials import RawTrial
from storage.records.budgets import figure, title
from storage.records.conclusions.words import loss_words, speedup_words
from storage.records.measurement import Kind, Measurement
from storage.records.study import Study
from storage.study_store.attributes import DUPLICATE_OF, REASON
from storage.study_store.note import END

NOTE = re.compile(r"/api/studies/\d+/\d+/note")

DISTURBANCES = {
    "shared": "(another process computed on the GPU)",
    "throttled": "(the GPU lowered its clock for heat or lack of power)",
    "busy": "(other processes took the CPUs)",
    "slow": "(the baseline was slower than in other trials)",
    "uneven": "(its pairs disagree more than chance allows)",
}
"""The meaning of the words in a measurement (objectives/timing/interference.py, studies/run/)."""

DONE: dict[Kind, str] = {
    "confirmed": "Confirmed",
    "timed again": "Timed again",
    "metrics added": "Metrics were added",
}

AGAIN: dict[Kind, str] = {
    "confirmed": "**Confirmation** of {}: the same point on prompts that the search did not see.",
    "metrics added": "**Metrics added**: the study was asked for more after {}, so its pictures "
    "were drawn again. The new metrics count with it.",
    "timed again": "**Timed again**: something disturbed {}, so its pairs were timed anew. The "
    "quieter timing counts; pictures and scores stay.",
}

PLAIN = re.compile(r"[\w-]+", re.ASCII)
"""Names of files that need no quoting in an address."""


def add_notes(
    study: dict[str, Any], study_id: int, trials: Iterable[FrozenTrial], record: Study
) -> None:
    """Put our part before what people wrote.

    Args:
        study: The whole answer of optuna-dashboard about a study.
        study_id: Optuna's number of the study.
        trials: Its trials.
        record: The study as our commands read it.
    """
    told = _Told(study, study_id, list(trials), record)
    for each in study["trials"] + study["best_trials"]:
        if (ours := told.of(each["number"])) and END not in each["note"]["body"]:
            each["note"]["body"] = f"{ours}\n{END}\n{each['note']['body'].lstrip()}"


def keeping_theirs(application: Application) -> Application:
    """Wrap optuna-dashboard so that it only stores the part of a trial's note that people wrote."""

    def answer(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "PUT" or not NOTE.fullmatch(environ["PATH_INFO"]):
            return application(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            note = json.loads(body)
            _, end, theirs = note["body"].partition(END)
        except (ValueError, TypeError, KeyError, AttributeError):
            # optuna-dashboard answers this itself.
            note = end = theirs = ""
        if end:
            body = json.dumps(note | {"body": theirs.lstrip("\n")}).encode()
        stored = {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return application({**environ, **stored}, start_response)

    return answer


class _Told:
    """The notes of one study's trials. Nothing in the database is trusted."""

    def __init__(
        self,
        study: Mapping[str, Any],
        study_id: int,
        trials: Sequence[FrozenTrial],
        record: Study,
    ) -> None:
        self._id = study_id
        self._trials = {trial.number: trial for trial in trials}
        self._shown = {each["number"]: each for each in study["trials"]}
        self._points = {trial.number for trial in record.trials}
        self._roles = record.roles
        self._loss = record.loss
        self._again: dict[int, list[str]] = {}
        for trial in trials:
            if (again := RawTrial.of_optuna(trial).remeasurement()) is not None:
                told = f"{DONE[again.measurement.look]} by {self._link(trial.number)}."
                self._again.setdefault(again.first, []).append(told)

    def of(self, number: int) -> str:
        """A trial's note; empty if accelfront did not make the trial."""
        trial = self._trials[number]
        raw = RawTrial.of_optuna(trial)
        lines = [self._what(trial, raw)]
        if not lines[0]:
            return ""
        if (measured := raw.measurement()) is not None:
            lines += [_figures(measured, self._loss), _disturbed(measured)]
        lines += [*self._again.get(number, ()), self._pictures(trial)]
        return "".join(f"{line}\n\n" for line in lines if line)

    def _what(self, trial: FrozenTrial, raw: RawTrial) -> str:
        """The purpose of a trial, and its result."""
        if (again := raw.remeasurement()) is not None:
            return AGAIN[again.measurement.look].format(self._link(again.first))
        if raw.is_repeat:
            first = self._first(trial)
            point = "one under way" if first is None else self._link(first)
            return f"**No point of its own**: it repeats {point}."
        if trial.state == TrialState.FAIL:
            return f"**Failed**: {_code(trial.user_attrs.get(REASON, 'its worker ended'))}"
        measured = raw.measurement()
        if measured is None:
            return "**Under way.**" if trial.state == TrialState.RUNNING else ""
        seen = counted(measured.samples, "prompt")
        if measured.hits == 0:
            return f"**Given up** after {seen}: its cache never hit."
        if measured.stopped_early:
            return f"**Given up** after {seen}: it could not become part of the front any more."
        role = self._roles.get(trial.number)
        return f"**Search**: a point measured in full on {seen}{f'; {role}' if role else ''}."

    def _pictures(self, trial: FrozenTrial) -> str:
        """The pictures of its point, and the page that compares them."""
        # A remeasurement keeps none of its own.
        owner = self._first(trial) if DUPLICATE_OF in trial.user_attrs else trial.number
        if owner is None or owner not in self._points or owner not in self._shown:
            return ""
        shown = self._shown[owner]
        keys = [str(each["artifact_id"]) for each in shown["artifacts"]]
        if not keys or not PLAIN.fullmatch(keys[0]):
            return ""
        path = f"/artifacts/{self._id}/{shown['trial_id']}/{keys[0]}"
        closer = f"[Flip, wipe and enlarge them](/compare/{self._id}/{owner})"
        return f"![Baseline above, accelerated below]({path})\n\n{closer}"

    def _first(self, trial: FrozenTrial) -> int | None:
        """The trial that a repeat names, if it exists."""
        first = trial.user_attrs.get(DUPLICATE_OF)
        return first if isinstance(first, int) and first in self._trials else None

    def _link(self, number: int) -> str:
        return f"[trial {number}](/dashboard/studies/{self._id}/trials?numbers={number})"


def _figures(measured: Measurement, loss: str) -> str:
    found = figure(measured, loss)
    lost = "" if found is None else f", {title(loss)} {loss_words(found)}"
    return f"Speedup {speedup_words(measured)}{lost}."


def _disturbed(measured: Measurement) -> str:
    words = [f"{_code(word)} {DISTURBANCES.get(word, '')}" for word in measured.disturbances]
    return f"**Disturbed**, so doubt its latency: {'; '.join(words).strip()}." if words else ""


def _code(text: object) -> str:
    """A text that Markdown shows unchanged."""
    return f"`{' '.join(str(text).replace('`', chr(39)).split())}`"
